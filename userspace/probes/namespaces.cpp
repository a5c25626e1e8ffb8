// SPDX-License-Identifier: GPL-2.0-only
// Finds network namespaces by the inode numbers of their nsfs files.
#include "probes/namespaces.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace sockeye {
namespace {

struct DirectoryCloser {
    void operator()(DIR* directory) const { closedir(directory); }
};
using UniqueDirectory = std::unique_ptr<DIR, DirectoryCloser>;

class Collector {
public:
    // `path`: a namespace file. A process may end meanwhile: then the next one of that namespace will do.
    void add(const std::string& path) {
        UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat status {};
        if (!fd.valid() || fstat(fd.get(), &status) != 0) return note(errno);
        const auto inode = static_cast<std::uint32_t>(status.st_ino);
        if (!knows(inode)) namespaces_.found.push_back({inode, std::move(fd), {}});
    }

    // A file in a folder of named namespaces. What is left of one after a reboot is an ordinary file.
    void add_named(const std::string& path) {
        UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        if (!fd.valid()) return add_unusable(path, errno);
        struct stat status {};
        if (fstat(fd.get(), &status) != 0 || ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET)
            return add_unusable(path, EINVAL);
        const auto inode = static_cast<std::uint32_t>(status.st_ino);
        if (!knows(inode)) namespaces_.found.push_back({inode, std::move(fd), path});
    }

    // The same through the link's text, "net:[4026531840]": much cheaper than opening for the many
    // processes whose namespace is known already.
    void add_process(const std::string& path) {
        char text[64];
        const ssize_t length = readlink(path.c_str(), text, sizeof(text));
        if (length < 0) return note(errno);
        const std::string_view link(text, static_cast<std::size_t>(length));
        const std::size_t start = link.find('[');
        std::uint32_t inode = 0;
        if (start != std::string_view::npos)
            std::from_chars(link.data() + start + 1, link.data() + link.size(), inode);
        if (inode != 0 && !knows(inode)) add(path);
    }

    NetworkNamespaces take() { return std::move(namespaces_); }

private:
    [[nodiscard]] bool knows(std::uint32_t inode) const {
        return std::ranges::find(namespaces_.found, inode, &NetworkNamespace::inode) != namespaces_.found.end();
    }
    void add_unusable(const std::string& path, int error) { namespaces_.unusable.push_back({path, error}); }
    void note(int error) {
        if (error == EACCES || error == EPERM) namespaces_.refused = error;
    }

    NetworkNamespaces namespaces_;
};

void add_processes(Collector& collector) {
    const UniqueDirectory proc(opendir("/proc"));
    if (!proc) return;
    while (const dirent* const entry = readdir(proc.get()))
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
            collector.add_process(std::string("/proc/") + entry->d_name + "/ns/net");
}

void add_mounted(Collector& collector, const std::string& folder) {
    const UniqueDirectory directory(opendir(folder.c_str()));
    if (!directory) return;
    while (const dirent* const entry = readdir(directory.get()))
        if (entry->d_name[0] != '.') collector.add_named(folder + "/" + entry->d_name);
}

// /var/run is the same as /run nearly everywhere.
bool is_same_file(const char* first, const char* second) {
    struct stat one {}, other {};
    return stat(first, &one) == 0 && stat(second, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

}  // namespace

NetworkNamespaces find_network_namespaces() {
    Collector collector;
    collector.add("/proc/thread-self/ns/net");
    add_processes(collector);
    for (const char* const folder : {"/run/netns", "/run/docker/netns"}) add_mounted(collector, folder);
    if (!is_same_file("/run/netns", "/var/run/netns")) add_mounted(collector, "/var/run/netns");
    return collector.take();
}

NetnsVisit::~NetnsVisit() {
    if (away_) setns(own_.fd.get(), CLONE_NEWNET);
}

int NetnsVisit::enter(const NetworkNamespace& there) {
    if (there.inode == own_.inode) return 0;
    if (setns(there.fd.get(), CLONE_NEWNET) != 0) return errno;
    away_ = true;
    return 0;
}

Result<void> NetnsVisit::leave() {
    if (!away_) return {};
    if (setns(own_.fd.get(), CLONE_NEWNET) != 0)
        return Error(std::string("cannot return to our own network namespace: ") + std::strerror(errno));
    away_ = false;
    return {};
}

}  // namespace sockeye
