// SPDX-License-Identifier: GPL-2.0-only
// Output collects lines and hands them to a file descriptor, whole lines only. Where a write can block (pipe,
// terminal, socket) it writes pieces of at most PIPE_BUF bytes that end at a line's end and that the kernel
// takes all or not at all, so that even a killed process leaves no torn line behind. A file that can grow no further
// (a full disk, a quota) is cut back to its last whole line.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace sockeye {

enum class OutputStatus {
    open,         // everything written so far could be handed over
    reader_gone,  // a closed pipe or terminal: nobody will read any more; an orderly end
    stopped,      // the stop descriptor became readable while the reader did not read
    failed,       // see error()
};

// The descriptor is the caller's and must outlive the Output. SIGPIPE must be ignored by the process.
class Output {
public:
    // `stop_fd`: a descriptor that becomes readable when the process is asked to end (a signalfd); −1: none.
    // A reader that then takes nothing for `kStopGraceMs` is given up.
    explicit Output(int fd, int stop_fd = -1);

    // Room for `bytes` more bytes, valid until the next call of any member. commit() takes what was written
    // there, up to `end`; it must end a line.
    char* reserve(std::size_t bytes) {
        if (buffer_.size() - used_ < bytes) grow(bytes);
        reserved_ = bytes;
        return buffer_.data() + used_;
    }
    void commit(const char* end) {
        const std::size_t written = static_cast<std::size_t>(end - (buffer_.data() + used_));
        assert(written <= reserved_);
        used_ += written;
        reserved_ = 0;
        if (used_ >= kFlushBytes) flush();
    }
    // Whole lines.
    void write(std::string_view lines);

    // Writes everything. False: nothing more can be written; status() says why. What could not be written is
    // dropped and counted.
    bool flush();

    [[nodiscard]] OutputStatus status() const { return status_; }
    // The reason of status `failed`, and how many lines are not written for it.
    [[nodiscard]] std::optional<Error> error() const;
    // Lines that were dropped because the output had ended.
    [[nodiscard]] std::uint64_t dropped_lines() const { return dropped_lines_; }

    static constexpr int kStopGraceMs = 1000;

private:
    static constexpr std::size_t kFlushBytes = 64 * 1024;

    void grow(std::size_t bytes);
    bool wait_writable();
    std::size_t piece_bytes(std::size_t from) const;
    bool drop(std::size_t from);
    void take_back_torn_line(std::size_t written) const;

    UniqueFd own_fd_;  // of a terminal, non-blocking; else none
    int fd_;
    int stop_fd_;
    bool can_block_ = false;
    OutputStatus status_ = OutputStatus::open;
    int errno_ = 0;  // of the write that failed
    std::vector<char> buffer_;
    std::size_t used_ = 0;
    std::size_t reserved_ = 0;
    std::uint64_t dropped_lines_ = 0;
};

}  // namespace sockeye
