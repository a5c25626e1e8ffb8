// SPDX-License-Identifier: GPL-2.0-only
#include "commands/user_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/format.h"
#include "base/output.h"
#include "base/unique_fd.h"
#include "sinks/snapshot_json.h"

namespace sockeye {

namespace {

Error file_error(const std::string& path, std::string_view what, int number) {
    return Error(fmt::format("{}: cannot {}: {}", path, what, std::strerror(number)));
}

}  // namespace

std::string settings_path() {
    const char* const config = std::getenv("XDG_CONFIG_HOME");
    // The XDG specification: what is not absolute is to be ignored.
    if (config != nullptr && config[0] == '/') return std::string(config) + "/sockeye/top.json";
    const char* const home = std::getenv("HOME");
    return home != nullptr && home[0] == '/' ? std::string(home) + "/.config/sockeye/top.json" : "";
}

Result<std::string> read_small_file(const std::string& path) {
    constexpr std::size_t kMost = 64 * 1024;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd.valid()) return errno == ENOENT ? Result<std::string>(std::string()) : file_error(path, "read", errno);
    std::string text(kMost, '\0');
    const ssize_t got = ::read(fd.get(), text.data(), text.size());
    if (got < 0) return file_error(path, "read", errno);
    text.resize(static_cast<std::size_t>(got));
    return text;
}

Result<void> write_settings(const std::string& path, std::string_view text) {
    const std::filesystem::path file(path);
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    if (error) return file_error(file.parent_path().string(), "create", error.value());
    const std::string beside = path + ".new";
    {
        std::ofstream out(beside, std::ios::binary | std::ios::trunc);
        out << text << std::flush;
        if (!out) return file_error(beside, "write", errno);
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) return file_error(path, "write", errno);
    return {};
}

std::string unused_name(std::int64_t wall_ns, std::string_view extension) {
    // 2026-11-22T20:49:22.123456789Z
    std::string time = format_rfc3339(wall_ns).substr(0, 19);
    std::erase_if(time, [](char letter) { return letter == '-' || letter == ':'; });
    for (unsigned number = 1;; ++number) {
        std::string name = fmt::format("sockeye-{}Z{}{}", time, number == 1 ? "" : fmt::format("-{}", number), extension);
        // A link that leads nowhere is there, too.
        if (::faccessat(AT_FDCWD, name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) return name;
    }
}

Result<void> save_snapshot(const std::string& path, const Snapshot& snapshot, std::span<const Finding> findings) {
    // Never through a link or over a file that somebody made meanwhile.
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!fd.valid()) return file_error(path, "create", errno);
    Output output(fd.get());
    // Half a list would pass for a whole one.
    const bool is_whole = snapshot.sockets.size() >= snapshot.socket_candidates;
    SnapshotJson json(output, SnapshotJson::Layout::indented,
                      snapshot.sockets.empty() || !is_whole ? SnapshotJson::Sockets::left_out : SnapshotJson::Sockets::listed);
    json.write(snapshot, findings);
    if (!json.flush() && output.error().has_value()) return Error(path + ": " + output.error()->message);
    return {};
}

}  // namespace sockeye
