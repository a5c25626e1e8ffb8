// SPDX-License-Identifier: GPL-2.0-only
// KernelCapabilities asks the kernel what it can do, by trying: a hook is usable when a two-instruction
// program of its kind was accepted at its very place. Versions and symbol lists are not believed. Answers
// are kept for the run; nothing stays loaded, and no program attached.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "base/result.h"
#include "probes/kernel_facts.h"
#include "probes/libbpf_handles.h"
#include "probes/perf_events.h"
#include "probes/plan.h"
#include "probes/tracefs.h"

namespace sockeye {

class KernelCapabilities {
public:
    // Errors (exit code unsupported): missing rights, a kernel without BTF or BPF ring buffers.
    static Result<KernelCapabilities> ask();

    [[nodiscard]] const KernelFacts& facts() const { return facts_; }
    [[nodiscard]] const Tracefs& tracefs() const { return tracefs_; }
    // The perf events opened by trials; who attaches to them takes them over.
    [[nodiscard]] PerfEvents& events() { return events_; }
    // Tries one attachment, or returns what trying it said before.
    HookTrial try_hook(const Attachment& attachment);

private:
    KernelCapabilities() = default;
    // How many arguments a kernel function has; −1: BTF does not name it.
    [[nodiscard]] int argument_count(const char* function) const;
    [[nodiscard]] HookTrial try_now(const Attachment& attachment);
    [[nodiscard]] HookTrial try_traced(const Attachment& attachment) const;
    [[nodiscard]] HookTrial try_kprobe(const Attachment& attachment);
    [[nodiscard]] HookTrial try_tracepoint(const Attachment& attachment);

    KernelFacts facts_;
    Tracefs tracefs_;
    PerfEvents events_;
    UniqueBtf types_;
    // By kind, program and target: several programs may want the same place.
    std::map<std::tuple<HookKind, std::string_view, std::string_view>, HookTrial> answers_;
};

}  // namespace sockeye
