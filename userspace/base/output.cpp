// SPDX-License-Identifier: GPL-2.0-only
#include "base/output.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace sockeye {

Output::Output(int fd, int stop_fd) : fd_(fd), stop_fd_(stop_fd), buffer_(2 * kFlushBytes) {
    if (::isatty(fd) == 1) {
        // A terminal that polls writable may still block a write that it can't take whole, and then no signal
        // ends us. Opened anew, it can be made non-blocking without that being seen by whoever shares `fd`.
        const std::string path = "/proc/self/fd/" + std::to_string(fd);
        own_fd_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
        if (own_fd_.valid()) fd_ = own_fd_.get();
    }
    struct stat status {};
    // An fd that cannot be examined is treated as one that can block: the careful way is right for all.
    can_block_ = ::fstat(fd_, &status) != 0 || S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) ||
                 (S_ISCHR(status.st_mode) && ::isatty(fd_) == 1);
}

void Output::grow(std::size_t bytes) { buffer_.resize(std::max(buffer_.size() * 2, used_ + bytes)); }

void Output::write(std::string_view lines) {
    char* room = reserve(lines.size());
    std::memcpy(room, lines.data(), lines.size());
    commit(room + lines.size());
}

bool Output::drop(std::size_t from) {
    const char* begin = buffer_.data();
    dropped_lines_ += static_cast<std::uint64_t>(std::count(begin + from, begin + used_, '\n'));
    used_ = 0;
    return false;
}

std::optional<Error> Output::error() const {
    if (status_ != OutputStatus::failed) return std::nullopt;
    return Error(std::string("cannot write output: ") + std::strerror(errno_) + "; " + std::to_string(dropped_lines_) +
                 (dropped_lines_ == 1 ? " line was not written" : " lines were not written"));
}

// `written` bytes of the buffer are the file's last, unless somebody else writes to it, too: then it is left alone.
void Output::take_back_torn_line(std::size_t written) const {
    struct stat file {};
    if (::fstat(fd_, &file) != 0 || !S_ISREG(file.st_mode)) return;
    const std::size_t newline = std::string_view{buffer_.data(), written}.rfind('\n');
    const auto torn = static_cast<off_t>(newline == std::string_view::npos ? written : written - newline - 1);
    const off_t end = ::lseek(fd_, 0, SEEK_CUR);
    if (torn == 0 || end != file.st_size) return;
    if (::ftruncate(fd_, end - torn) == 0) ::lseek(fd_, end - torn, SEEK_SET);
}

// A pipe that polls writable takes PIPE_BUF bytes at once. Its reader's end closing wakes poll too, and the
// write then says EPIPE.
bool Output::wait_writable() {
    pollfd fds[2] = {{fd_, POLLOUT, 0}, {stop_fd_, POLLIN, 0}};
    nfds_t count = stop_fd_ >= 0 ? 2 : 1;
    int timeout = -1;
    for (;;) {
        const int ready = ::poll(fds, count, timeout);
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0 || fds[0].revents != 0) return true;  // an odd descriptor: let write() say what is wrong
        if (ready == 0) {
            status_ = OutputStatus::stopped;
            return false;
        }
        count = 1;
        timeout = kStopGraceMs;
    }
}

// As many whole lines as fit into PIPE_BUF; a longer line goes alone.
std::size_t Output::piece_bytes(std::size_t from) const {
    const std::size_t left = used_ - from;
    if (!can_block_ || left <= PIPE_BUF) return left;
    const std::string_view lines{buffer_.data() + from, left};
    std::size_t end = lines.rfind('\n', PIPE_BUF - 1);
    if (end == std::string_view::npos) end = lines.find('\n', PIPE_BUF);
    return end == std::string_view::npos ? left : end + 1;
}

bool Output::flush() {
    if (status_ != OutputStatus::open) return drop(0);
    std::size_t done = 0;
    std::size_t line_end = 0;  // a piece begun is written to its end, whatever its number of writes
    while (done < used_) {
        if (done == line_end) line_end = done + piece_bytes(done);
        if (can_block_ && !wait_writable()) return drop(done);
        // A longer line goes in as many writes as it takes: one of more than PIPE_BUF would not come back before a reader
        // that has stalled reads on, and nobody could stop us.
        const std::size_t bytes = can_block_ ? std::min<std::size_t>(line_end - done, PIPE_BUF) : line_end - done;
        const ssize_t written = ::write(fd_, buffer_.data() + done, bytes);
        if (written >= 0) {
            done += static_cast<std::size_t>(written);
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) {
            if (!wait_writable()) return drop(done);
            continue;
        }
        // EIO: the terminal has gone.
        if (errno == EPIPE || (errno == EIO && own_fd_.valid())) {
            status_ = OutputStatus::reader_gone;
        } else {
            status_ = OutputStatus::failed;
            errno_ = errno;
            take_back_torn_line(done);
        }
        return drop(done);
    }
    used_ = 0;
    return true;
}

}  // namespace sockeye
