// SPDX-License-Identifier: GPL-2.0-only
// Kernel: which hook observes what and what is missing, as `doctor` says it; above it what sockeye lost, had to
// correct, and costs.
#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/cells.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

// The BPF program that takes most time, where the kernel measures it.
std::string dearest_text(const SelfCost& self) {
    const auto dearest = std::ranges::max_element(self.programs, {}, [](const ProgramCost& program) {
        return program.ns_per_run.value_or(0) * static_cast<double>(program.runs);
    });
    if (dearest == self.programs.end() || dearest->ns_per_run.value_or(0) == 0)
        return "not measured (kernel.bpf_stats_enabled is 0)";
    return fmt::format("{}: {} runs of {:.0f} ns", dearest->program, format_count(dearest->runs), *dearest->ns_per_run);
}

std::uint64_t skipped(const SelfCost& self) {
    std::uint64_t count = 0;
    for (const ProgramCost& program : self.programs) count += program.recursion_misses;
    return count;
}

class Kernel final : public RowPanel<HookLine> {
public:
    Kernel()
        : RowPanel({
              {{.title = "OBSERVES", .align = Align::left, .importance = 10},
               [](const HookLine& row, const Moment&) { return row.observes; }},
              {{.title = "HOOK", .align = Align::left, .importance = 9},
               [](const HookLine& row, const Moment&) { return row.hook; }},
              {{.title = "MISSING", .align = Align::left, .importance = 8},
               [](const HookLine& row, const Moment&) { return row.missing; }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "kernel"; }
    [[nodiscard]] std::vector<std::string> notes(const Moment& moment) const override {
        const Snapshot& snapshot = moment.snapshot;
        const SelfCost& self = snapshot.self;
        std::vector<std::string> lines{
            fmt::format("lost      {}", lost_text(snapshot)),
            fmt::format("drift     {} sockets, {} descriptors corrected from the kernel's tables",
                        format_count(snapshot.drift.sockets), format_count(snapshot.drift.fds)),
            fmt::format("self      {:.2f} s cpu, {} memory, {} events, ring buffer at most {:.1f} % full", self.cpu_s,
                        format_bytes(self.rss_bytes), format_count(self.events),
                        self.ring_bytes == 0 ? 0.0
                                             : 100.0 * static_cast<double>(self.ring_high_bytes) /
                                                   static_cast<double>(self.ring_bytes)),
            fmt::format("programs  dearest {}; skipped by the kernel {}", dearest_text(self),
                        format_count(skipped(self))),
        };
        if (!snapshot.netns_refused.empty())
            lines.push_back("unread    the sockets of " + unread_netns_text(snapshot));
        return lines;
    }
    [[nodiscard]] std::string nothing(const Moment&) const override { return "no hooks: this is a recording"; }

protected:
    [[nodiscard]] std::span<const HookLine> all(const Moment& moment) const override { return moment.hooks; }
    [[nodiscard]] std::string key_of(const HookLine& row, const Moment&) const override { return row.observes; }
    [[nodiscard]] Role role_of(const HookLine& row) const override {
        return row.missing.empty() ? Role::text : Role::warning;
    }
};

}  // namespace

std::unique_ptr<Panel> kernel_panel() { return std::make_unique<Kernel>(); }

}  // namespace sockeye::tui
