// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/process_file.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

namespace sockeye {
namespace {

// A descriptor of O_PATH has no effect on what it stands for; opening a device may have, and opening a pipe may wait.
// O_NONBLOCK: else whoever holds a lease on a regular file lets us wait for lease-break-time.
UniqueFd for_reading(const UniqueFd& place) {
    struct stat about {};
    if (!place.valid() || fstat(place.get(), &about) != 0 || !S_ISREG(about.st_mode)) return {};
    const std::string again = fmt::format("/proc/self/fd/{}", place.get());
    return UniqueFd(open(again.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

}  // namespace

UniqueFd open_process_file(std::uint32_t tgid, std::string_view path, LastLink last) {
    const UniqueFd root(open(fmt::format("/proc/{}/root", tgid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.valid()) return {};
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC | (last == LastLink::refused ? O_NOFOLLOW : 0);
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const std::string name(path);
    return for_reading(UniqueFd(static_cast<int>(syscall(SYS_openat2, root.get(), name.c_str(), &how, sizeof(how)))));
}

UniqueFd open_mapped_file(std::uint32_t tgid, const Mapping& mapping) {
    const std::string link = fmt::format("/proc/{}/map_files/{:x}-{:x}", tgid, mapping.begin, mapping.end);
    return for_reading(UniqueFd(open(link.c_str(), O_PATH | O_CLOEXEC)));
}

bool begins_as_elf(const UniqueFd& file) {
    std::array<char, SELFMAG> begin{};
    return pread(file.get(), begin.data(), begin.size(), 0) == static_cast<ssize_t>(begin.size()) &&
           std::memcmp(begin.data(), ELFMAG, begin.size()) == 0;
}

}  // namespace sockeye
