// SPDX-License-Identifier: GPL-2.0-only
#include "support/fd_truth.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>
#include <utility>

#include "support/proc_tables.h"

namespace live {
namespace {

// Where the links of anonymous inodes lead. pidfds: anon_inode:[pidfd], since 6.9 pidfd:[number].
constexpr std::pair<std::string_view, const char*> kNames[] = {
    {"socket:[", "socket"},
    {"pipe:[", "pipe"},
    {"/memfd:", "memfd"},
    {"/secretmem", "memfd"},
    {"pidfd:[", "pidfd"},
    {"anon_inode:[pidfd]", "pidfd"},
    {"anon_inode:[eventfd]", "eventfd"},
    {"anon_inode:[eventpoll]", "epoll"},
    {"anon_inode:[timerfd]", "timerfd"},
    {"anon_inode:[signalfd]", "signalfd"},
    {"anon_inode:inotify", "inotify"},
    {"anon_inode:[fanotify]", "fanotify"},
    {"anon_inode:[io_uring]", "io_uring"},
    {"anon_inode:[perf_event]", "perf"},
    {"anon_inode:[userfaultfd]", "userfaultfd"},
    {"anon_inode:bpf", "bpf"},
    {"anon_inode:btf", "bpf"},
    {"anon_inode:", "other"},
    {"net:[", "other"},
};

bool is_terminal(dev_t device) {
    static const std::set<unsigned> kMajors{4, 5, 136, 137, 138, 139, 140, 141, 142, 143, 166, 188, 204, 229};
    return kMajors.contains(major(device));
}

std::string kind_of(const std::string& path) {
    std::array<char, 4096> link{};
    ssize_t length = readlink(path.c_str(), link.data(), link.size());
    std::string_view target(link.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    for (const auto& [name, kind] : kNames)
        if (target.starts_with(name)) return kind;
    struct stat status {};
    if (stat(path.c_str(), &status) < 0) return "unreadable";
    if (S_ISDIR(status.st_mode)) return "dir";
    if (S_ISFIFO(status.st_mode)) return "pipe";
    if (S_ISBLK(status.st_mode)) return "device";
    if (S_ISCHR(status.st_mode)) return is_terminal(status.st_rdev) ? "tty" : "device";
    return "file";
}

std::uint64_t limit_in(std::istream& words) {
    std::string word;
    words >> word;
    return word == "unlimited" ? UINT64_MAX : std::stoull(word);
}

}  // namespace

FdTruth fd_truth_of(pid_t pid) {
    FdTruth truth;
    const std::string folder = "/proc/" + std::to_string(pid);
    const std::set<int>& fds = truth.fds = fds_of(pid);
    truth.open = static_cast<unsigned>(fds.size());
    truth.highest = fds.empty() ? -1 : *fds.rbegin();
    for (int fd : fds) ++truth.kinds[kind_of(folder + "/fd/" + std::to_string(fd))];
    std::ifstream limits(folder + "/limits");
    const std::string title = "Max open files";
    for (std::string line; std::getline(limits, line);) {
        if (!line.starts_with(title)) continue;
        std::istringstream words(line.substr(title.size()));
        truth.soft_limit = limit_in(words);
        truth.hard_limit = limit_in(words);
    }
    return truth;
}

std::string fd_differences(const FdTruth& truth, const nlohmann::json& fds, Kinds kinds) {
    std::ostringstream text;
    auto compare = [&](const char* name, const nlohmann::json& expected) {
        if (fds.at(name) != expected) text << name << " " << fds.at(name) << ", is " << expected << "; ";
    };
    compare("open", truth.open);
    compare("highest", truth.highest);
    compare("soft_limit", truth.soft_limit);
    compare("hard_limit", truth.hard_limit);
    if (kinds == Kinds::compared) compare("by_kind", truth.kinds);
    return text.str();
}

}  // namespace live
