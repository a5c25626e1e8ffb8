// SPDX-License-Identifier: GPL-2.0-only
#include "support/proc_tables.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string_view>

namespace live {
namespace {

struct CloseFolder {
    void operator()(DIR* folder) const { closedir(folder); }
};

std::vector<int> numbers_in(const std::string& path) {
    std::vector<int> numbers;
    std::unique_ptr<DIR, CloseFolder> folder(opendir(path.c_str()));
    if (!folder) return numbers;
    int own = dirfd(folder.get());
    bool own_table = path == "/proc/self/fd" || path == "/proc/" + std::to_string(getpid()) + "/fd";
    while (const dirent* entry = readdir(folder.get())) {
        char* end = nullptr;
        long number = std::strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end != '\0') continue;
        if (own_table && number == own) continue;  // only there because we are looking
        numbers.push_back(static_cast<int>(number));
    }
    return numbers;
}

std::set<std::uint32_t> bpf_ids(bpf_cmd command) {
    std::set<std::uint32_t> ids;
    bpf_attr attributes;
    std::memset(&attributes, 0, sizeof attributes);
    while (syscall(SYS_bpf, command, &attributes, sizeof attributes) == 0) {
        ids.insert(attributes.next_id);
        attributes.start_id = attributes.next_id;
    }
    return ids;
}

}  // namespace

std::set<int> fds_of(pid_t pid) {
    std::vector<int> numbers = numbers_in("/proc/" + std::to_string(pid) + "/fd");
    return {numbers.begin(), numbers.end()};
}

std::map<std::uint64_t, int> sockets_of(pid_t pid) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/fd";
    constexpr std::string_view kPrefix = "socket:[";
    std::map<std::uint64_t, int> sockets;
    for (int fd : numbers_in(folder)) {
        char target[64] = {};
        const ssize_t length = readlink((folder + "/" + std::to_string(fd)).c_str(), target, sizeof target - 1);
        if (length > 0 && std::string_view(target).starts_with(kPrefix))
            sockets[std::strtoull(target + kPrefix.size(), nullptr, 10)] = fd;
    }
    return sockets;
}

std::string comm_of(pid_t pid) { return first_line("/proc/" + std::to_string(pid) + "/comm"); }

std::vector<pid_t> all_pids() { return numbers_in("/proc"); }

std::uint64_t netns_of(pid_t pid) {
    struct stat status {};
    stat(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), &status);
    return status.st_ino;
}

std::set<std::uint32_t> bpf_program_ids() { return bpf_ids(BPF_PROG_GET_NEXT_ID); }

std::set<std::uint32_t> bpf_map_ids() { return bpf_ids(BPF_MAP_GET_NEXT_ID); }

std::set<std::uint32_t> held_bpf_ids(pid_t pid, const std::string& key) {
    std::set<std::uint32_t> ids;
    for (int fd : fds_of(pid)) {
        std::ifstream info("/proc/" + std::to_string(pid) + "/fdinfo/" + std::to_string(fd));
        std::string name;
        std::uint32_t value = 0;
        std::string line;
        while (std::getline(info, line)) {
            std::istringstream fields(line);
            if (fields >> name >> value && name == key + ":") ids.insert(value);
        }
    }
    return ids;
}

unsigned kernel_minisocks() {
    std::ifstream file("/proc/net/sockstat");
    std::string word;
    while (file >> word)  // "TCP: inuse 2 orphan 0 tw 5 alloc 9 mem 0"
        if (unsigned count = 0; word == "tw" && file >> count) return count;
    throw std::runtime_error("/proc/net/sockstat tells no tw");
}

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

bool write_line(const std::string& path, const std::string& line) {
    int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool written = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
    close(fd);
    return written;
}

}  // namespace live
