// SPDX-License-Identifier: GPL-2.0-only
// The probe plan: for each thing to observe (a row), which hook was chosen, why the better ones were not,
// what that costs the user and what would help. choose_hooks() is pure: it decides from the answers that
// KernelCapabilities collected by trying.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "events/feature.h"
#include "probes/kernel_facts.h"

namespace sockeye {

enum class HookTier : std::uint8_t {
    automatic,
    trampoline,
    kprobe,
    tracepoint,
    sampling,  // no BPF at all; see userspace/sampling
};

enum class HookKind : std::uint8_t {
    tracepoint,          // classic, perf-based: lossless, CAP_SYS_ADMIN on Debian
    btf_tracepoint,      // tp_btf
    kprobe, kretprobe,
    fentry, fexit,
    syscall_tracepoint,  // classic tp/syscalls/*: costs every system call of the host a little
    iterator,
    inference,           // concluded from other rows' events
    polling,             // read from the kernel's tables at each tick
};
std::string_view name_of(HookKind kind);
std::string_view name_of(HookTier tier);

enum class Presence : std::uint8_t {
    required,
    optional,  // this place is missing on some kernels, or not needed by what remains
    fallback,  // optional, and only where the attachment before it was refused
};

// Attaching takes a second for each trampoline on older kernels, and events flow meanwhile. What tells of an end is
// attached before what tells of the beginning, and both before the state changes that lead there: so nothing enters
// our account whose end, or whose failure to begin, could go unheard.
enum class AttachTurn : std::uint8_t { minisock_repair, minisock_end, minisock_change, minisock_birth, usual };

// One BPF program at one place of the kernel. The texts are the probe table's: they live for ever.
struct Attachment {
    std::string_view program;
    HookKind kind = HookKind::tracepoint;
    std::string_view target;  // a function, "sock/inet_sock_set_state", for btf_tracepoint and iterator the bare name
    Presence presence = Presence::required;
    KernelVersion before = {};  // only on kernels older than this
    int arguments = -1;         // how many the function must have for this program; −1: that does not matter

    friend bool operator==(const Attachment&, const Attachment&) = default;
};

// "fentry/tcp_twsk_destructor", "tp/sock/inet_sock_set_state".
std::string hook_name(const Attachment& attachment);

// Why an alternative was not taken.
struct Refusal {
    std::string hook;    // "fentry/inet_twsk_hashdance_schedule"
    std::string reason;  // "EPERM at load: this kernel has no BPF trampolines (lockdown?)"
};

struct PlannedRow {
    std::string row;                    // "tcp_state", "time_wait_leave" …; stable names
    Feature feature{};                  // Feature{}: a table that the tracer reads whatever was asked for
    AttachTurn attach_turn{};
    bool observed = false;              // false: no alternative works; the feature is degraded by this row
    HookKind kind = HookKind::polling;
    std::string hook;                   // "tp_btf/inet_sock_set_state"; empty when not observed
    std::vector<std::string> programs;  // names of the BPF programs to load
    std::vector<Attachment> attachments;  // where to attach them, in this order
    bool exact = true;                  // sees every event, in order; false: what `cost` says
    std::string cost;                   // what the choice costs the user; empty: nothing
    std::string remedy;                 // what would give a better one; empty: it is the best
    std::vector<Refusal> refused;       // better alternatives, best first
    std::vector<Refusal> without;       // places of the choice that the kernel has and does not let us hook
};

struct ProbePlan {
    HookTier tier = HookTier::automatic;
    std::vector<PlannedRow> rows;
    // Minisocks are reported by hooks on their birth and their end.
    [[nodiscard]] bool time_wait_exact() const;
    // Bits of wire_time_wait_hooks, as run_event carries them.
    [[nodiscard]] std::uint32_t time_wait_hooks() const;
    // It is there, and a hook serves it.
    [[nodiscard]] bool hooked(std::string_view row) const;
    [[nodiscard]] const PlannedRow* find(std::string_view row) const;
    [[nodiscard]] std::vector<const PlannedRow*> in_attach_order() const;
};

// What the kernel said when one attachment was tried.
struct HookTrial {
    int error = 0;       // errno; 0: it works
    std::string reason;  // empty: it works
    std::string remedy;  // what would make it work; empty: nothing known
};
using TryHook = std::function<HookTrial(const Attachment&)>;

enum class PidFilter : std::uint8_t { absent, in_kernel };

struct PlanRequest {
    FeatureSet features;
    HookTier tier = HookTier::automatic;
    PidFilter pid_filter = PidFilter::absent;  // in_kernel: BPF programs keep a list of processes asked for
};

// One row for each thing that the features need, and one for each table. Exact before cheap; among equals
// the table's order. `try_hook` is asked only for alternatives that could still be chosen or would have
// been better.
ProbePlan choose_hooks(const PlanRequest& request, const KernelFacts& kernel, const TryHook& try_hook);

}  // namespace sockeye
