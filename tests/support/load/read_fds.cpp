// SPDX-License-Identifier: GPL-2.0-only
// read_fds: the plain way to learn who holds which descriptors, as a measure for better ones: reads every link
// below /proc/*/fd and prints how many there were, and how many of them were sockets.
#include <dirent.h>
#include <fcntl.h>

#include <string_view>

#include "support/load/load_support.h"

namespace load {
namespace {

struct Totals {
    unsigned long descriptors = 0, sockets = 0;
};

// A process that ends meanwhile has no links left; that is no error.
void read_process(const std::string& folder, Totals& totals) {
    DIR* links = opendir(folder.c_str());
    if (links == nullptr) return;
    while (const dirent* entry = readdir(links)) {
        if (entry->d_name[0] == '.') continue;
        char target[256];
        const ssize_t length = readlinkat(dirfd(links), entry->d_name, target, sizeof target);
        if (length < 0) continue;
        totals.descriptors++;
        if (std::string_view(target, static_cast<std::size_t>(length)).starts_with("socket:[")) totals.sockets++;
    }
    closedir(links);
}

}  // namespace
}  // namespace load

int main() {
    using namespace load;
    DIR* processes = opendir("/proc");
    if (processes == nullptr) die("/proc");
    Totals totals;
    while (const dirent* entry = readdir(processes)) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
        read_process("/proc/" + std::string(entry->d_name) + "/fd", totals);
    }
    closedir(processes);
    std::printf("{\"descriptors\":%lu,\"sockets\":%lu}\n", totals.descriptors, totals.sockets);
    return 0;
}
