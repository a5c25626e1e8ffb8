// SPDX-License-Identifier: GPL-2.0-only
#include "support/environment.h"

#include <ftw.h>
#include <poll.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace live {
namespace {

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string own_folder() {
    std::string path(4096, '\0');
    ssize_t length = readlink("/proc/self/exe", path.data(), path.size());
    path.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    return path.substr(0, path.rfind('/'));
}

std::string beside(const std::string& name) {
    for (const char* folder : {"/", "/../"}) {
        std::string path = own_folder() + folder + name;
        if (access(path.c_str(), X_OK) == 0) return path;
    }
    return own_folder() + "/" + name;
}

bool emulated() {
    std::ifstream info("/proc/cpuinfo");
    std::string line;
    while (std::getline(info, line))
        if (line.find("QEMU TCG") != std::string::npos || line.find("QEMU Virtual CPU") != std::string::npos)
            return true;
    return false;
}

std::string& scratch() {
    static std::string folder;
    return folder;
}

std::vector<std::string>& skips() {
    static std::vector<std::string> reasons;
    return reasons;
}

}  // namespace

std::string sockeye_path() {
    std::string path = variable("SOCKEYE");
    return path.empty() ? beside("sockeye") : path;
}

std::string program_path(const std::string& name) { return beside(name); }

std::string forced_hooks() { return variable("SOCKEYE_HOOKS"); }

double scale() {
    static const double value = [] {
        double asked = std::atof(variable("SOCKEYE_TEST_SCALE").c_str());
        return asked > 0 ? asked : emulated() ? 0.1 : 1.0;
    }();
    return value;
}

unsigned scaled(unsigned count, unsigned least) {
    return std::max(least, static_cast<unsigned>(std::lround(scale() * count)));
}

std::chrono::milliseconds patience() {
    static const bool slow = emulated();
    return std::chrono::milliseconds(slow ? 300000 : 60000);
}

bool eventually(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + patience();
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) return false;
        poll(nullptr, 0, 5);
    }
    return true;
}

void tell_step(const std::string& what) {
    std::printf("  done: %s\n", what.c_str());
    std::fflush(stdout);
}

const std::string& scratch_folder() {
    if (scratch().empty()) {
        std::string pattern =
            std::string(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + "/sockeye-live-XXXXXX";
        if (mkdtemp(pattern.data()) == nullptr) FAIL("no folder for scratch files: " << pattern);
        scratch() = pattern;
    }
    return scratch();
}

void remove_scratch_folder() {
    // For whoever wants to look at the recordings of a test that failed.
    if (scratch().empty() || !variable("SOCKEYE_KEEP_SCRATCH").empty()) return;
    nftw(
        scratch().c_str(), [](const char* path, const struct stat*, int, FTW*) { return ::remove(path); }, 16,
        FTW_DEPTH | FTW_PHYS);
    scratch().clear();
}

void skip(const std::string& reason) {
    std::string name = Catch::getResultCapture().getCurrentTestName();
    skips().push_back(name + ": " + reason);
    WARN("skipped: " << reason);
}

const std::vector<std::string>& skipped() { return skips(); }

bool kernel_hides_tasks() {
    char target[64];
    return readlink("/proc/1/ns/net", target, sizeof target) < 0 && errno == EACCES && geteuid() == 0;
}

bool kernel_at_least(int major, int minor) {
    utsname name{};
    uname(&name);
    int have_major = 0, have_minor = 0;
    if (std::sscanf(name.release, "%d.%d", &have_major, &have_minor) != 2) return false;
    return have_major > major || (have_major == major && have_minor >= minor);
}

}  // namespace live
