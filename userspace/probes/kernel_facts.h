// SPDX-License-Identifier: GPL-2.0-only
// KernelFacts: what the choice of hooks depends on besides trying them: the version, the preemption model
// and the rights at hand. Plain data and pure functions over the texts that the kernel prints;
// KernelCapabilities reads those texts.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace sockeye {

// When the scheduler may take the CPU from a task inside the kernel. It decides whether a BPF program can
// be interrupted by another task that enters the same program, which the kernel then skips silently.
enum class Preemption : std::uint8_t {
    none,       // or voluntary: only where the kernel asks for it
    voluntary,
    lazy,       // at the tick, for ordinary tasks (6.13 and later)
    full,       // anywhere
    unknown,    // switchable at boot, and nothing tells how it was switched
};
std::string_view name_of(Preemption preemption);

struct KernelVersion {
    unsigned major = 0;
    unsigned minor = 0;
    friend constexpr auto operator<=>(const KernelVersion&, const KernelVersion&) = default;
};

struct KernelFacts {
    std::string release;  // "6.1.0-37-amd64"
    KernelVersion version;
    Preemption preemption = Preemption::unknown;
    bool realtime = false;          // PREEMPT_RT: even softirqs are preempted
    std::string preemption_source;  // where that is known from, for doctor
    bool can_enter_netns = true;    // CAP_SYS_ADMIN: tables of other network namespaces can be read
};

// Fills release and version from `uname -r`.
void set_release(KernelFacts& facts, std::string_view release);

// The texts that may tell the preemption model; empty: could not be read.
struct PreemptionTexts {
    std::string debugfs;  // /sys/kernel/debug/sched/preempt: "none (voluntary) full"
    std::string version;  // uname -v: "#1 SMP PREEMPT_DYNAMIC …"
    std::string cmdline;  // /proc/cmdline
    std::string config;   // the kernel's build configuration
};
// Sets preemption and preemption_source; needs `version`.
void set_preemption(KernelFacts& facts, const PreemptionTexts& texts);

// A set of capabilities as /proc/PID/status prints it.
struct Rights {
    std::uint64_t effective = 0;
    [[nodiscard]] bool has(unsigned capability) const { return ((effective >> capability) & 1U) != 0; }
};
// Numbers of include/uapi/linux/capability.h.
inline constexpr unsigned kCapNetAdmin = 12, kCapSysPtrace = 19, kCapSysAdmin = 21, kCapSysResource = 24,
                          kCapSyslog = 34, kCapPerfmon = 38, kCapBpf = 39;

// From the text of /proc/PID/status.
Rights rights_of(std::string_view status);
// "" if hooks can be loaded, else which capabilities are missing and what to do about it.
std::string missing_rights(Rights rights);

}  // namespace sockeye
