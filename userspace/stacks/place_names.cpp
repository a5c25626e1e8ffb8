// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/place_names.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

namespace sockeye {
namespace {

constexpr std::size_t kMostFiles = 64;  // each may hold megabytes of debug information
constexpr std::size_t kMostKnown = 16384;

// What tells a file from all others that have the same path.
std::string identity_of(const StackFrame& place, const std::string& path) {
    if (!place.build_id.empty()) return place.build_id;
    struct stat about {};
    if (stat(path.c_str(), &about) != 0) return {};
    return fmt::format("{}:{}:{}:{}", about.st_dev, about.st_ino, about.st_size, about.st_mtim.tv_sec);
}

}  // namespace

std::vector<StackFrame> PlaceNames::at(const StackFrame& place, const std::string& path) {
    if (known_.size() >= kMostKnown) known_.clear();
    const std::string identity = identity_of(place, path);
    if (identity.empty()) return {};
    const Place key{place.module, identity, place.offset};
    auto known = known_.find(key);
    if (known == known_.end()) {
        File& file = file_of(place.module, identity, path);
        if (!file.names.has_value()) return {};
        known = known_.emplace(key, file.names->at(place)).first;
    }
    std::vector<StackFrame> frames = known->second;
    for (StackFrame& frame : frames) frame.address = place.address;
    return frames;
}

PlaceNames::File& PlaceNames::file_of(const std::string& module, const std::string& identity,
                                      const std::string& path) {
    static char* debug_path = nullptr;
    static const Dwfl_Callbacks callbacks{.find_elf = nullptr,
                                          .find_debuginfo = dwfl_standard_find_debuginfo,
                                          .section_address = dwfl_offline_section_address,
                                          .debuginfo_path = &debug_path};
    const auto [found, is_new] = files_.try_emplace({module, identity});
    File& file = found->second;
    file.used = ++uses_;
    if (!is_new) return file;
    file.dwfl.reset(dwfl_begin(&callbacks));
    if (file.dwfl != nullptr) {
        dwfl_report_begin(file.dwfl.get());
        Dwfl_Module* const reported = dwfl_report_offline(file.dwfl.get(), module.c_str(), path.c_str(), -1);
        if (dwfl_report_end(file.dwfl.get(), nullptr, nullptr) == 0 && reported != nullptr) file.names.emplace(reported);
    }
    if (files_.size() > kMostFiles)
        files_.erase(std::ranges::min_element(files_, {}, [](const auto& entry) { return entry.second.used; }));
    return file;
}

}  // namespace sockeye
