// SPDX-License-Identifier: GPL-2.0-only
// Collects libbpf's warnings and picks the telling line out of them.
#include "probes/libbpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <vector>

namespace sockeye {
namespace {

constexpr std::size_t kKeptBytes = std::size_t{1} << 18;  // a verifier log can be megabytes; its end tells why

struct Collected {
    std::string text;
    LibbpfChatter chatter = LibbpfChatter::quiet;
};
Collected collected;

// A verifier log without its middle.
std::string shortened(const std::string& text) {
    constexpr std::size_t kEnds = 1500;
    if (text.size() <= 2 * kEnds) return text;
    return text.substr(0, kEnds) + "\n[…]\n" + text.substr(text.size() - kEnds);
}

int collect(libbpf_print_level level, const char* format, va_list arguments) {
    if (level == LIBBPF_DEBUG) return 0;
    va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, arguments);
    if (length > 0) {
        std::string line(static_cast<std::size_t>(length) + 1, '\0');
        std::vsnprintf(line.data(), line.size(), format, again);
        line.pop_back();
        if (collected.chatter == LibbpfChatter::stderr_too) std::fputs(shortened(line).c_str(), stderr);
        collected.text += line;
        if (collected.text.size() > kKeptBytes) collected.text.erase(0, collected.text.size() - kKeptBytes);
    }
    va_end(again);
    return length;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        if (end != 0) lines.push_back(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return lines;
}

}  // namespace

LibbpfLog::LibbpfLog(LibbpfChatter chatter) {
    collected = {.text = {}, .chatter = chatter};
    libbpf_set_print(collect);
}

LibbpfLog::~LibbpfLog() {
    libbpf_set_print(nullptr);
    collected = {};
}

void LibbpfLog::clear() { collected.text.clear(); }

std::string LibbpfLog::failed_program() const {
    constexpr std::string_view kBefore = "prog '";
    std::string found;
    for (const std::string_view line : lines_of(collected.text)) {
        const std::size_t at = line.find(kBefore);
        if (at == std::string_view::npos || line.find("fail") == std::string_view::npos) continue;
        const std::size_t start = at + kBefore.size();
        found = line.substr(start, line.find('\'', start) - start);
    }
    return found;
}

std::string LibbpfLog::last_complaint() const {
    // The verifier's own words stand just before "processed N insns".
    std::string_view complaint;
    std::string_view previous;
    for (const std::string_view line : lines_of(collected.text)) {
        if (line.starts_with("processed ")) complaint = previous;
        if (!line.starts_with("--")) previous = line;
    }
    return std::string(complaint.empty() ? previous : complaint);
}

}  // namespace sockeye
