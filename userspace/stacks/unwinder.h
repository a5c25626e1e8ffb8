// SPDX-License-Identifier: GPL-2.0-only
// Unwinder: from the registers and the copied top of a user stack to frames with names, by the call frame
// information (.eh_frame, .debug_frame) of the process's own files, so that neither frame pointers nor the process's
// standing still are needed. Slow (it opens and reads ELF files): never called on the thread that owns the model.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace sockeye {

// What the kernel saved when the task entered it. x86-64: the registers that calls preserve, and where it stood.
struct UserRegisters {
    std::uint64_t ip = 0, sp = 0, bp = 0, bx = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
};

struct StackFrame {
    std::uint64_t address = 0;
    std::string function;   // demangled; names are cut to what stack_frame_event holds; empty: no symbol covers it
    std::string file;       // source file; empty: no debug information
    unsigned line = 0;
    std::string module;     // path of the mapped file as the process sees it; empty: not in any file
    std::string build_id;   // hexadecimal; empty: the file has none
    std::uint64_t offset = 0;  // from the beginning of the module's file, for symbolizing later
};

enum class StackEnd : std::uint8_t {
    whole,      // down to the thread's first function
    cut_off,    // the copied part of the stack ended
    no_way_on,  // no call frame information for the last frame shown
};

struct UserStack {
    std::vector<StackFrame> frames;  // innermost first
    // Where on the stack the frames' return addresses stood, as distances from sp; one for each frame but the first.
    std::vector<std::uint64_t> return_slots;
    StackEnd end = StackEnd::whole;
};

class PlaceNames;

class Unwinder {
public:
    Unwinder();
    ~Unwinder();
    Unwinder(const Unwinder&) = delete;
    Unwinder& operator=(const Unwinder&) = delete;

    // `stack`: a copy of the memory from registers.sp on. Fails if the process's memory map can't be read.
    Result<UserStack> unwind(std::uint32_t tgid, const UserRegisters& registers, std::span<const std::uint8_t> stack);
    // The process has ended, or its maps are another program's now (exec).
    void forget(std::uint32_t tgid);

private:
    class Process;

    std::unique_ptr<PlaceNames> names_;
    std::map<std::uint32_t, std::unique_ptr<Process>> processes_;
    std::uint64_t uses_ = 0;
};

}  // namespace sockeye
