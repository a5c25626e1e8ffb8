// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/place_names.h"

#include <algorithm>

#include "stacks/inlined_calls.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostFiles = 64;  // each may hold megabytes of debug information
constexpr std::size_t kMostKnown = 16384;

}  // namespace

std::vector<StackFrame> named(StackFrame frame, Dwfl_Module* module, std::uint64_t address) {
    GElf_Off offset = 0;
    GElf_Sym symbol{};
    const std::string function =
        demangled(dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr));
    if (Dwfl_Line* const line = dwfl_module_getsrc(module, address); line != nullptr) {
        int number = 0;
        const char* const file = dwfl_lineinfo(line, nullptr, &number, nullptr, nullptr, nullptr);
        if (file != nullptr) frame.file = file;
        frame.line = number > 0 ? static_cast<unsigned>(number) : 0;
    }
    std::vector<StackFrame> frames;
    for (const InlinedCall& call : inlined_calls(module, address)) {
        frame.function = call.function;
        frames.push_back(frame);
        frame.file = call.file;
        frame.line = call.line;
    }
    frame.function = function;
    frames.push_back(std::move(frame));
    return frames;
}

std::vector<StackFrame> PlaceNames::at(const StackFrame& place, const std::string& path) {
    if (known_.size() >= kMostKnown) known_.clear();
    const Place key{place.module, place.build_id, place.offset};
    auto known = known_.find(key);
    if (known == known_.end()) {
        const File& file = file_of(place, path);
        if (file.module == nullptr) return {};
        GElf_Addr bias = 0;
        if (dwfl_module_getelf(file.module, &bias) == nullptr) return {};
        known = known_.emplace(key, named(place, file.module, place.offset + bias)).first;
    }
    std::vector<StackFrame> frames = known->second;
    for (StackFrame& frame : frames) frame.address = place.address;
    return frames;
}

PlaceNames::File& PlaceNames::file_of(const StackFrame& place, const std::string& path) {
    static char* debug_path = nullptr;
    static const Dwfl_Callbacks callbacks{.find_elf = nullptr,
                                          .find_debuginfo = dwfl_standard_find_debuginfo,
                                          .section_address = dwfl_offline_section_address,
                                          .debuginfo_path = &debug_path};
    const auto [found, is_new] = files_.try_emplace({place.module, place.build_id});
    File& file = found->second;
    file.used = ++uses_;
    if (!is_new) return file;
    file.dwfl.reset(dwfl_begin(&callbacks));
    if (file.dwfl != nullptr) {
        dwfl_report_begin(file.dwfl.get());
        file.module = dwfl_report_offline(file.dwfl.get(), place.module.c_str(), path.c_str(), -1);
        if (dwfl_report_end(file.dwfl.get(), nullptr, nullptr) != 0) file.module = nullptr;
    }
    if (files_.size() > kMostFiles)
        files_.erase(std::ranges::min_element(files_, {}, [](const auto& entry) { return entry.second.used; }));
    return file;
}

}  // namespace sockeye
