// SPDX-License-Identifier: GPL-2.0-only
// The work is done by elfutils' libdwfl, which is given the copied stack as the memory of a thread. Files are
// opened as their process sees them: those of a container are not ours.
#include "stacks/unwinder.h"

#include <elfutils/libdwfl.h>
#include <fmt/format.h>
#include <gelf.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/proc_text.h"
#include "stacks/inlined_calls.h"
#include "stacks/kept_names.h"
#include "stacks/memory_map.h"
#include "stacks/perf_map.h"
#include "stacks/place_names.h"
#include "stacks/process_file.h"

namespace sockeye {
namespace {

// DWARF numbers of the x86-64 registers: System V ABI, AMD64 supplement, figure 3.36.
enum { kRbx = 3, kRbp = 6, kRsp = 7, kR12 = 12, kR13 = 13, kR14 = 14, kR15 = 15, kRip = 16 };
constexpr std::size_t kMostFrames = 64;  // the last may stand for more, with all that is inlined there
static_assert(kMostFrames + kMostInlinedCalls <= 256);
constexpr std::size_t kMostProcesses = 64;
constexpr std::size_t kMostDescribed = 4096;  // frames: how many stand at one place is the file's word
constexpr std::chrono::seconds kMapsAge(1);

// libdwfl's callback for files is not told the process.
struct ProcessAtWork {
    std::uint32_t tgid = 0;
    const MemoryMap* map = nullptr;
};
thread_local ProcessAtWork process_at_work;

// The file of a module, as /proc/PID/maps names it. What has been deleted, or stands outside of the root to which the
// process has changed since (its map still has the names of before), is opened where it is mapped.
UniqueFd open_module(std::uint32_t tgid, const MemoryMap& map, std::string_view name) {
    if (!name.starts_with('/')) return {};
    UniqueFd file = name.ends_with(" (deleted)") ? UniqueFd() : open_process_file(tgid, name);
    const Mapping* const mapping = file.valid() ? nullptr : map.first_of(name);
    if (mapping != nullptr) file = open_mapped_file(tgid, *mapping);
    return file.valid() && begins_as_elf(file) ? std::move(file) : UniqueFd();
}

int find_file(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base, char** path, Elf** elf) {
    if (name == nullptr) return -1;
    // libdwfl's own way would open that name in our root, whatever stands there.
    if (name[0] != '/') return dwfl_linux_proc_find_elf(module, user, name, base, path, elf);
    UniqueFd file = open_module(process_at_work.tgid, *process_at_work.map, name);
    if (file.valid()) *path = strdup(fmt::format("/proc/{}/root{}", process_at_work.tgid, name).c_str());
    return file.release();
}

// Names are PlaceNames' business: unwinding needs the file's own sections only.
int no_debuginfo(Dwfl_Module*, void**, const char*, Dwarf_Addr, const char*, const char*, GElf_Word, char**) { return -1; }

std::string hexadecimal(const unsigned char* bytes, int length) {
    std::string text;
    for (int i = 0; i < length; ++i) text += fmt::format("{:02x}", bytes[i]);
    return text;
}

std::string why(const char* what) {
    const char* const message = dwfl_errmsg(-1);
    return fmt::format("{}: {}", what, message != nullptr ? message : "no reason given");
}

}  // namespace

class Unwinder::Process {
public:
    Process(std::uint32_t tgid, PlaceNames& names) : tgid_(tgid), names_(names), perf_map_(tgid) {}
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    Result<UserStack> unwind(const UserRegisters& registers, std::span<const std::uint8_t> stack) {
        if (dwfl_ == nullptr) {
            if (Result<void> opened = open(); !opened) return opened.error();
        }
        registers_ = registers;
        stack_ = stack;
        walk();
        if (maps_are_stale() && open()) {
            walk();
            maps_help_ = !nowhere_;
        }
        if (result_.frames.empty()) return Error{why("no frame can be found")};
        return std::move(result_);
    }

    std::uint64_t used = 0;

private:
    using Clock = std::chrono::steady_clock;
    struct End {
        void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
    };

    // A library may have been loaded since the maps were read, or another program. Of a process that has died the maps
    // that were read are the last there are.
    [[nodiscard]] bool maps_are_stale() const {
        if (nowhere_ && maps_help_) return true;
        return (nowhere_ || result_.end == StackEnd::no_way_on) && Clock::now() - maps_read_ >= kMapsAge;
    }

    void walk() {
        missing_memory_ = nowhere_ = false;
        result_ = {};
        process_at_work = {.tgid = tgid_, .map = &map_};
        const int status = dwfl_getthread_frames(dwfl_.get(), static_cast<pid_t>(tgid_), on_frame, this);
        if (status > 0 || result_.frames.size() >= kMostFrames)
            result_.end = StackEnd::cut_off;
        else if (status < 0)
            result_.end = missing_memory_ ? StackEnd::cut_off : StackEnd::no_way_on;
    }

    // Reads the maps, into a new Dwfl each time: one that has an attached state must not read them again, since that
    // state uses a module's backend (Dwfl_Process.ebl) for good, and a module that is not reported any more is freed.
    // What there was stays if that fails.
    Result<void> open() {
        static const Dwfl_Callbacks callbacks{.find_elf = find_file,
                                              .find_debuginfo = no_debuginfo,
                                              .section_address = nullptr,
                                              .debuginfo_path = nullptr};
        static const Dwfl_Thread_Callbacks thread{.next_thread = only_thread,
                                                  .get_thread = nullptr,
                                                  .memory_read = read_memory,
                                                  .set_initial_registers = set_registers,
                                                  .detach = nullptr,
                                                  .thread_detach = nullptr};
        maps_read_ = Clock::now();
        std::unique_ptr<Dwfl, End> fresh(dwfl_begin(&callbacks));
        if (fresh == nullptr) return Error{why("dwfl_begin")};
        MemoryMap map = MemoryMap::parse(read_text(fmt::format("/proc/{}/maps", tgid_).c_str()));
        process_at_work = {.tgid = tgid_, .map = &map};
        dwfl_report_begin(fresh.get());
        const int error = dwfl_linux_proc_report(fresh.get(), static_cast<pid_t>(tgid_));
        if (error != 0)
            return Error{fmt::format("/proc/{}/maps: {}", tgid_, error > 0 ? std::strerror(error) : dwfl_errmsg(-1))};
        if (dwfl_report_end(fresh.get(), nullptr, nullptr) != 0) return Error{why("dwfl_report_end")};
        if (!dwfl_attach_state(fresh.get(), nullptr, static_cast<pid_t>(tgid_), &thread, this))
            return Error{why("dwfl_attach_state")};
        dwfl_ = std::move(fresh);
        map_ = std::move(map);
        forget_described();
        return {};
    }

    static pid_t only_thread(Dwfl* dwfl, void* user, void** thread_user) {
        if (*thread_user != nullptr) return 0;
        *thread_user = user;
        return dwfl_pid(dwfl);
    }

    static bool set_registers(Dwfl_Thread* thread, void* user) {
        const UserRegisters& registers = static_cast<Process*>(user)->registers_;
        const auto set = [thread](int number, std::uint64_t value) {
            const Dwarf_Word word = value;
            return dwfl_thread_state_registers(thread, number, 1, &word);
        };
        return set(kRbx, registers.bx) && set(kRbp, registers.bp) && set(kRsp, registers.sp) &&
               set(kR12, registers.r12) && set(kR13, registers.r13) && set(kR14, registers.r14) &&
               set(kR15, registers.r15) && set(kRip, registers.ip);
    }

    static bool read_memory(Dwfl*, Dwarf_Addr address, Dwarf_Word* result, void* user) {
        auto* const self = static_cast<Process*>(user);
        const std::uint64_t offset = address - self->registers_.sp;
        if (address < self->registers_.sp || offset + sizeof(*result) > self->stack_.size()) {
            self->missing_memory_ = true;
            return false;
        }
        std::memcpy(result, self->stack_.data() + offset, sizeof(*result));
        return true;
    }

    static int on_frame(Dwfl_Frame* frame, void* user) {
        auto* const self = static_cast<Process*>(user);
        Dwarf_Addr pc = 0;
        bool activation = false;
        if (!dwfl_frame_pc(frame, &pc, &activation)) return DWARF_CB_ABORT;
        // A caller stands behind its call, which may be the last instruction of its function.
        self->add(pc, activation ? pc : pc - 1);
        return self->result_.frames.size() < kMostFrames ? DWARF_CB_OK : DWARF_CB_ABORT;
    }

    void add(std::uint64_t pc, std::uint64_t where) {
        if (!result_.frames.empty()) note_return_slot(pc);
        // Looking a name up walks through all of the file's: once for each place.
        const auto known = described_.find(where);
        if (known != described_.end()) {
            result_.frames.insert(result_.frames.end(), known->second.begin(), known->second.end());
            return;
        }
        std::vector<StackFrame> frames = describe(pc, where);
        result_.frames.insert(result_.frames.end(), frames.begin(), frames.end());
        // Code that the process compiles comes and goes, and so do its names.
        if (frames.front().module.empty() || (frames.back().function.empty() && perf_map_.exists())) return;
        if (described_frames_ >= kMostDescribed) forget_described();
        described_frames_ += frames.size();
        described_.emplace(where, std::move(frames));
    }

    void forget_described() {
        described_.clear();
        described_frames_ = 0;
    }

    // The frame's return address stands on the stack once, as a rule: above the slot of the frame before it.
    void note_return_slot(std::uint64_t pc) {
        std::uint64_t from = result_.return_slots.empty() ? 0 : result_.return_slots.back() + sizeof(pc);
        for (; from + sizeof(pc) <= stack_.size(); from += sizeof(pc)) {
            std::uint64_t word = 0;
            std::memcpy(&word, stack_.data() + from, sizeof(word));
            if (word != pc) continue;
            result_.return_slots.push_back(from);
            return;
        }
    }

    struct Place {
        Dwfl_Module* module = nullptr;  // null: in no file
        std::uint64_t offset = 0;       // address in the file
        std::uint64_t home = 0;         // where the file's loader has put that address
    };

    Place place_of(std::uint64_t where) {
        const Mapping* const mapping = map_.at(where);
        nowhere_ = nowhere_ || mapping == nullptr;
        const bool is_vdso = mapping != nullptr && mapping->path == "[vdso]";
        if (mapping == nullptr || (!is_vdso && !mapping->path.starts_with('/'))) return {};
        Place place;
        place.module = dwfl_addrmodule(dwfl_.get(), map_.first_of(mapping->path)->begin);
        GElf_Addr bias = 0;
        Elf* const elf = place.module != nullptr ? dwfl_module_getelf(place.module, &bias) : nullptr;
        if (is_vdso) {
            place.offset = where - bias;
        } else if (elf != nullptr) {
            const std::optional<std::uint64_t> address = address_in(elf, where - mapping->begin + mapping->offset);
            if (!address) return {};
            place.offset = *address;
        }
        place.home = place.offset + bias;
        return place;
    }

    // The address that the file gives to what stands at that offset in it.
    static std::optional<std::uint64_t> address_in(Elf* elf, std::uint64_t offset) {
        std::optional<std::uint64_t> found;
        std::size_t count = 0;
        if (elf_getphdrnum(elf, &count) != 0) return found;
        for (std::size_t i = 0; i < count; ++i) {
            GElf_Phdr part{};
            if (gelf_getphdr(elf, static_cast<int>(i), &part) == nullptr || part.p_type != PT_LOAD) continue;
            if (offset < part.p_offset || offset - part.p_offset >= part.p_filesz) continue;
            if (!found || (part.p_flags & PF_X) != 0) found = offset - part.p_offset + part.p_vaddr;
        }
        return found;
    }

    // The function at that place, behind those that the compiler has inlined there, innermost first.
    std::vector<StackFrame> describe(std::uint64_t pc, std::uint64_t where) {
        StackFrame frame;
        frame.address = pc;
        const Place place = place_of(where);
        if (place.module == nullptr) {
            frame.function = perf_map_.name_at(where);
            return {frame};
        }
        std::vector<StackFrame> frames = describe_in_file(frame, place);
        // V8 names what is compiled into its own file, too, where the file is loaded.
        StackFrame& last = frames.back();
        if (last.function.empty()) last.function = perf_map_.name_at(where);
        if (last.function.empty()) last.function = perf_map_.name_at(place.home);
        return frames;
    }

    std::vector<StackFrame> describe_in_file(StackFrame frame, const Place& place) {
        const char* const path =
            dwfl_module_info(place.module, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
        ModuleFile file{.tgid = tgid_, .path = path != nullptr ? path : "", .open = {}};
        file.open = [this, &file] { return open_module(tgid_, map_, file.path); };
        frame.module = kept_path(file.path);
        frame.offset = place.offset;
        const unsigned char* id = nullptr;
        GElf_Addr id_address = 0;
        if (const int length = dwfl_module_build_id(place.module, &id, &id_address); length > 0)
            frame.build_id = hexadecimal(id, std::min(length, static_cast<int>(kKeptBuildId)));
        // Another process's file would do for one of the same build-id, and mostly it has been read already.
        std::vector<StackFrame> frames = names_.at(frame, file);
        if (frames.empty()) frames = FileNames(place.module).at(frame);
        if (frames.empty()) frames = {frame};
        return frames;
    }

    std::uint32_t tgid_;
    PlaceNames& names_;
    PerfMap perf_map_;
    std::unique_ptr<Dwfl, End> dwfl_;
    MemoryMap map_;  // of the same moment
    UserRegisters registers_;
    std::span<const std::uint8_t> stack_;
    bool missing_memory_ = false;
    bool nowhere_ = false;    // a frame stands where nothing was mapped
    bool maps_help_ = true;  // that has been so only until the maps were read again
    UserStack result_;
    Clock::time_point maps_read_;
    std::unordered_map<std::uint64_t, std::vector<StackFrame>> described_;  // by address, as long as the maps are the same
    std::size_t described_frames_ = 0;
};

Unwinder::Unwinder() : names_(std::make_unique<PlaceNames>()) {}
Unwinder::~Unwinder() = default;

Result<UserStack> Unwinder::unwind(std::uint32_t tgid, const UserRegisters& registers,
                                   std::span<const std::uint8_t> stack) {
    auto found = processes_.find(tgid);
    if (found == processes_.end()) {
        // Each keeps files mapped: the one that was not asked for longest goes.
        if (processes_.size() >= kMostProcesses)
            processes_.erase(std::ranges::min_element(
                processes_, {}, [](const auto& entry) { return entry.second->used; }));
        found = processes_.emplace(tgid, std::make_unique<Process>(tgid, *names_)).first;
    }
    found->second->used = ++uses_;
    Result<UserStack> result = found->second->unwind(registers, stack);
    if (!result) processes_.erase(found);
    return result;
}

void Unwinder::forget(std::uint32_t tgid) { processes_.erase(tgid); }

}  // namespace sockeye
