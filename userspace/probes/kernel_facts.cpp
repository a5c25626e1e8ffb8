// SPDX-License-Identifier: GPL-2.0-only
// Reads the kernel's version, preemption model and our rights out of the texts that the kernel prints.
#include "probes/kernel_facts.h"

#include <charconv>
#include <optional>

namespace sockeye {
namespace {

std::optional<Preemption> preemption_named(std::string_view name) {
    if (name == "none") return Preemption::none;
    if (name == "voluntary") return Preemption::voluntary;
    if (name == "lazy") return Preemption::lazy;
    if (name == "full") return Preemption::full;
    return std::nullopt;
}

// The word in parentheses: "none (voluntary) full".
std::optional<Preemption> from_debugfs(std::string_view text) {
    const std::size_t open = text.find('(');
    const std::size_t close = text.find(')', open == std::string_view::npos ? 0 : open);
    if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
    return preemption_named(text.substr(open + 1, close - open - 1));
}

// The last preempt= of the command line; the kernel takes the last, too.
std::optional<Preemption> from_cmdline(std::string_view text) {
    std::optional<Preemption> found;
    while (!text.empty()) {
        const std::size_t end = text.find_first_of(" \t\n");
        const std::string_view word = text.substr(0, end);
        constexpr std::string_view kKey = "preempt=";
        if (word.starts_with(kKey)) found = preemption_named(word.substr(kKey.size()));
        text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    }
    return found;
}

bool has_line(std::string_view text, std::string_view line) {
    for (std::size_t at = text.find(line); at != std::string_view::npos; at = text.find(line, at + 1)) {
        const bool starts = at == 0 || text[at - 1] == '\n';
        const bool ends = at + line.size() == text.size() || text[at + line.size()] == '\n';
        if (starts && ends) return true;
    }
    return false;
}

// What the kernel was built to start with; CONFIG_PREEMPT_DYNAMIC may change it at boot.
std::optional<Preemption> from_config(std::string_view text) {
    if (has_line(text, "CONFIG_PREEMPT_RT=y")) return Preemption::full;
    if (has_line(text, "CONFIG_PREEMPT_NONE=y")) return Preemption::none;
    if (has_line(text, "CONFIG_PREEMPT_VOLUNTARY=y")) return Preemption::voluntary;
    if (has_line(text, "CONFIG_PREEMPT_LAZY=y")) return Preemption::lazy;
    if (has_line(text, "CONFIG_PREEMPT=y")) return Preemption::full;
    return std::nullopt;
}

bool has_word(std::string_view text, std::string_view word) {
    return (" " + std::string(text) + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

}  // namespace

std::string_view name_of(Preemption preemption) {
    switch (preemption) {
        case Preemption::none: return "none";
        case Preemption::voluntary: return "voluntary";
        case Preemption::lazy: return "lazy";
        case Preemption::full: return "full";
        case Preemption::unknown: break;
    }
    return "unknown";
}

void set_release(KernelFacts& facts, std::string_view release) {
    facts.release = release;
    const char* const end = release.data() + release.size();
    const std::from_chars_result major = std::from_chars(release.data(), end, facts.version.major);
    if (major.ec == std::errc() && major.ptr != end) std::from_chars(major.ptr + 1, end, facts.version.minor);
}

void set_preemption(KernelFacts& facts, const PreemptionTexts& texts) {
    const auto say = [&facts](Preemption preemption, std::string_view source) {
        facts.preemption = preemption;
        facts.preemption_source = source;
    };
    facts.realtime = has_word(texts.version, "PREEMPT_RT");
    if (const std::optional<Preemption> found = from_debugfs(texts.debugfs))
        return say(*found, "/sys/kernel/debug/sched/preempt");
    if (facts.realtime) return say(Preemption::full, "uname -v");
    if (has_word(texts.version, "PREEMPT_LAZY")) return say(Preemption::lazy, "uname -v");
    const bool dynamic = has_word(texts.version, "PREEMPT_DYNAMIC");
    if (dynamic) {
        if (const std::optional<Preemption> found = from_cmdline(texts.cmdline)) return say(*found, "preempt= at boot");
    }
    if (const std::optional<Preemption> found = from_config(texts.config)) return say(*found, "the kernel's configuration");
    if (dynamic) return say(Preemption::unknown, "PREEMPT_DYNAMIC, and nothing tells which model was chosen");
    if (has_word(texts.version, "PREEMPT")) return say(Preemption::full, "uname -v");
    // 7.0 dropped none and voluntary on the architectures that have lazy.
    if (facts.version >= KernelVersion{7, 0}) return say(Preemption::unknown, "uname -v names no model");
    say(Preemption::voluntary, "uname -v names no model: none or voluntary");
}

Rights rights_of(std::string_view status) {
    constexpr std::string_view kKey = "\nCapEff:\t";
    Rights rights;
    const std::size_t at = status.find(kKey);
    if (at == std::string_view::npos) return rights;
    const std::string_view digits = status.substr(at + kKey.size(), 16);
    std::from_chars(digits.data(), digits.data() + digits.size(), rights.effective, 16);
    return rights;
}

std::string missing_rights(Rights rights) {
    if (rights.has(kCapSysAdmin) || (rights.has(kCapBpf) && rights.has(kCapPerfmon))) return {};
    std::string missing;
    if (!rights.has(kCapBpf)) missing = "CAP_BPF";
    if (!rights.has(kCapPerfmon)) missing += missing.empty() ? "CAP_PERFMON" : " and CAP_PERFMON";
    return "missing " + missing +
           ": loading BPF programs needs them; run as root, or "
           "`setcap cap_bpf,cap_perfmon+ep` the binary (with cap_sys_admin it can use all hooks and enter other "
           "network namespaces)";
}

}  // namespace sockeye
