// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/place_names.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "stacks/process_file.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostFiles = 64;           // each may hold megabytes of debug information
constexpr std::size_t kMostKnownFrames = 65536;  // of all places: how many stand at one is the file's word

// What tells a file without build-id from all others that have the same path; empty: it can't be opened.
std::string identity_of(const UniqueFd& file) {
    struct stat about {};
    if (!file.valid() || fstat(file.get(), &about) != 0) return {};
    return fmt::format("{}:{}:{}:{}", about.st_dev, about.st_ino, about.st_size, about.st_mtim.tv_sec);
}

}  // namespace

std::vector<StackFrame> PlaceNames::at(const StackFrame& place, const ModuleFile& module) {
    UniqueFd opened;
    std::string identity = place.build_id;
    if (identity.empty()) {
        opened = module.open();
        identity = identity_of(opened);
    }
    if (identity.empty()) return {};
    const Place key{place.module, identity, place.offset};
    auto known = known_.find(key);
    if (known == known_.end()) {
        File* const file = file_of({place.module, identity}, module, std::move(opened));
        if (file == nullptr || !file->names.has_value()) return {};
        std::vector<StackFrame> found = file->names->at(place);
        if (known_frames_ + found.size() > kMostKnownFrames) {
            known_.clear();
            known_frames_ = 0;
        }
        known_frames_ += found.size() + 1;  // an empty answer takes room, too
        known = known_.emplace(key, std::move(found)).first;
    }
    std::vector<StackFrame> frames = known->second;
    for (StackFrame& frame : frames) frame.address = place.address;
    return frames;
}

PlaceNames::File* PlaceNames::file_of(const Key& key, const ModuleFile& module, UniqueFd opened) {
    if (const auto found = files_.find(key); found != files_.end()) {
        found->second.used = ++uses_;
        return &found->second;
    }
    // Not remembered if it can't be: another process may still show it.
    if (!opened.valid()) opened = module.open();
    if (!opened.valid()) return nullptr;
    File& file = files_[key];
    file.used = ++uses_;
    read(file, module, std::move(opened));
    if (files_.size() > kMostFiles)
        files_.erase(std::ranges::min_element(files_, {}, [](const auto& entry) { return entry.second.used; }));
    return &file;
}

void PlaceNames::read(File& file, const ModuleFile& module, UniqueFd opened) {
    static char* debug_path = nullptr;
    static const Dwfl_Callbacks callbacks{.find_elf = nullptr,
                                          .find_debuginfo = find_debug_file,
                                          .section_address = dwfl_offline_section_address,
                                          .debuginfo_path = &debug_path};
    struct stat about {};
    if (fstat(opened.get(), &about) != 0 || !begins_as_elf(opened)) return;
    file.origin = {.tgid = module.tgid, .path = module.path, .device = about.st_dev, .inode = about.st_ino};
    file.dwfl.reset(dwfl_begin(&callbacks));
    if (file.dwfl == nullptr) return;
    dwfl_report_begin(file.dwfl.get());
    // libdwfl takes the descriptor if it makes a module of it, and only then.
    const std::string rooted = fmt::format("/proc/{}/root{}", module.tgid, module.path);
    Dwfl_Module* const reported =
        dwfl_report_offline(file.dwfl.get(), module.path.c_str(), rooted.c_str(), opened.get());
    if (reported != nullptr) static_cast<void>(opened.release());
    if (dwfl_report_end(file.dwfl.get(), nullptr, nullptr) != 0 || reported == nullptr) return;
    void** user = nullptr;
    dwfl_module_info(reported, &user, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
    *user = &file.origin;
    file.names.emplace(reported);
}

}  // namespace sockeye
