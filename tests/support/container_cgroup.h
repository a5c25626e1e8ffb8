// SPDX-License-Identifier: GPL-2.0-only
// ContainerCgroup: a cgroup named as a container engine names its containers', for as long as the object lives.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/environment.h"
#include "support/proc_tables.h"

namespace live {

// A cgroup named as a container's, in the unified hierarchy, wherever that is mounted.
class ContainerCgroup {
public:
    ContainerCgroup() {
        for (const char* root : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
            if (access((std::string(root) + "/cgroup.controllers").c_str(), F_OK) != 0) continue;
            folder_ = root + path();
            if (mkdir(folder_.c_str(), 0755) == 0) return;
            folder_.clear();
        }
    }
    ContainerCgroup(const ContainerCgroup&) = delete;
    ContainerCgroup& operator=(const ContainerCgroup&) = delete;
    ~ContainerCgroup() {
        // The last process in it may still be on its way out.
        if (usable()) eventually([this] { return rmdir(folder_.c_str()) == 0; });
    }
    [[nodiscard]] bool usable() const { return !folder_.empty(); }
    [[nodiscard]] static std::string id() {
        std::string digits;
        for (int at = 0; at < 8; at++) digits += "5eed" + std::to_string(1000 + getpid() % 9000);  // 64 in all
        return digits;
    }
    [[nodiscard]] static std::string path() { return "/docker-" + id() + ".scope"; }
    [[nodiscard]] bool add(pid_t pid) const { return write_line(folder_ + "/cgroup.procs", std::to_string(pid)); }

private:
    std::string folder_;
};

}  // namespace live
