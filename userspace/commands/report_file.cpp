// SPDX-License-Identifier: GPL-2.0-only
#include "commands/report_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/unique_fd.h"
#include "sinks/html_report.h"

namespace sockeye {
namespace {

Result<void> write_all(int fd, std::string_view text, const std::string& path) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return Error(fmt::format("{}: cannot write: {}", path, std::strerror(errno)));
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

bool is_report(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    std::array<char, kReportBegin.size()> begin{};
    return fd.valid() && ::read(fd.get(), begin.data(), begin.size()) == static_cast<ssize_t>(begin.size()) &&
           std::string_view(begin.data(), begin.size()) == kReportBegin;
}

}  // namespace

std::string default_report_path(const std::string& recording) {
    std::filesystem::path path(recording);
    if (path.extension() == ".html") return recording + ".html";
    return path.replace_extension(".html").string();
}

Result<void> may_write_report(std::string_view option, const std::string& path, bool force) {
    struct stat status {};
    if (path == kStandardOutput) return {};
    if (::stat(path.c_str(), &status) != 0) {
        const std::filesystem::path folder = std::filesystem::path(path).parent_path();
        if (::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0) return {};
        return Error(fmt::format("{}: '{}' can't be written: {}", option, path, std::strerror(errno)), ExitCode::usage);
    }
    if (S_ISDIR(status.st_mode))
        return Error(fmt::format("{}: '{}' is a folder: the name of a file, or - for standard output", option, path), ExitCode::usage);
    if (force || !S_ISREG(status.st_mode) || status.st_size == 0 || is_report(path)) return {};
    return Error(fmt::format("{}: '{}' exists and is no report: another name, or --force to overwrite it", option, path), ExitCode::usage);
}

Result<void> write_report(const std::string& path, std::string_view page) {
    if (path == kStandardOutput) return write_all(STDOUT_FILENO, page, "standard output");
    struct stat status {};
    // A pipe, or a link, as /dev/stdout is one: what it leads to is written, and the link stays.
    if (::lstat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
        const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
        if (!fd.valid()) return Error(fmt::format("{}: cannot write: {}", path, std::strerror(errno)));
        return write_all(fd.get(), page, path);
    }
    // A name that nobody has: what stands there is somebody's.
    std::string beside;
    UniqueFd fd;
    for (int nth = 0; nth < 100 && !fd.valid() && (nth == 0 || errno == EEXIST); ++nth) {
        beside = fmt::format("{}.{}-{}.new", path, ::getpid(), nth);
        fd = UniqueFd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    }
    if (!fd.valid()) return Error(fmt::format("{}: cannot write: {}", path, std::strerror(errno)));
    Result<void> written = write_all(fd.get(), page, path);
    fd = UniqueFd();
    if (written && ::rename(beside.c_str(), path.c_str()) != 0)
        written = Error(fmt::format("{}: cannot write: {}", path, std::strerror(errno)));
    if (!written) ::unlink(beside.c_str());
    return written;
}

}  // namespace sockeye
