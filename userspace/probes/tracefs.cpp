// SPDX-License-Identifier: GPL-2.0-only
// Opens tracefs without leaving a mount behind.
#include "probes/tracefs.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>

namespace sockeye {

UniqueFd detached_mount(const char* file_system) {
    const UniqueFd context(fsopen(file_system, FSOPEN_CLOEXEC));
    if (!context.valid()) return {};
    if (fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
    return UniqueFd(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
}

std::string read_text_at(int directory, const std::string& path) {
    std::string text;
    const UniqueFd file(openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return text;
    char chunk[4096];
    for (;;) {
        const ssize_t got = ::read(file.get(), chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return text;
        text.append(chunk, static_cast<std::size_t>(got));
    }
}

Tracefs::Tracefs() : root_(detached_mount("tracefs")) {
    for (const char* const path : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
        if (root_.valid()) return;
        UniqueFd mounted(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (mounted.valid() && faccessat(mounted.get(), "events", F_OK, 0) == 0) root_ = std::move(mounted);
    }
}

long Tracefs::tracepoint_id(std::string_view name) const {
    if (!root_.valid()) return -EACCES;
    errno = 0;
    const std::string text = read_text_at(root_.get(), "events/" + std::string(name) + "/id");
    if (text.empty()) return errno != 0 ? -errno : -ENODATA;
    long id = -ENODATA;
    std::from_chars(text.data(), text.data() + text.size(), id);
    return id;
}

}  // namespace sockeye
