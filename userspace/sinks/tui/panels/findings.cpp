// SPDX-License-Identifier: GPL-2.0-only
// Findings: what is wrong, the worst first; Enter shows the evidence and what to do.
#include <fmt/format.h>

#include "sinks/finding_view.h"
#include "sinks/snapshot_view.h"
#include "sinks/tui/panels.h"

namespace sockeye::tui {

namespace {

class Findings final : public RowPanel<Finding> {
public:
    Findings()
        : RowPanel({
              {{.title = "SEVERITY", .align = Align::left, .importance = 9},
               [](const Finding& row, const Moment&) { return std::string(name_of(row.severity)); },
               [](const Finding& row, const Moment&) -> std::optional<double> {
                   return static_cast<double>(row.severity);
               }},
              {{.title = "RULE", .align = Align::left, .importance = 5},
               [](const Finding& row, const Moment&) { return std::string(row.rule); }},
              {{.title = "FINDING", .align = Align::left, .importance = 10},
               [](const Finding& row, const Moment&) { return row.title; }},
          }) {}

    [[nodiscard]] std::string_view name() const override { return "findings"; }
    [[nodiscard]] std::string_view short_name() const override { return "finds"; }
    [[nodiscard]] std::optional<std::size_t> first_sort() const override { return 0; }
    [[nodiscard]] std::string nothing(const Moment&) const override { return "no findings"; }
    [[nodiscard]] std::vector<std::string> details(const Moment& moment, std::size_t row) const override {
        const Finding& finding = all(moment)[row];
        std::vector<std::string> lines{fmt::format("{} {}, confidence {:.2g}", name_of(finding.severity), finding.rule, finding.confidence), finding.title, ""};
        if (finding.owner.pid != 0)
            lines.push_back(fmt::format("{:<28}{} ({})", "process", owner_comm_text(finding.owner), finding.owner.pid));
        for (const Evidence& evidence : finding.evidence)
            lines.push_back(fmt::format("{:<28}{}", evidence.name, evidence_text(evidence.value)));
        lines.emplace_back();
        for (const std::string& advice : finding.advice) lines.push_back("- " + advice);
        return lines;
    }

protected:
    [[nodiscard]] std::span<const Finding> all(const Moment& moment) const override { return moment.findings; }
    [[nodiscard]] std::string key_of(const Finding& row, const Moment&) const override {
        return fmt::format("{} {}", row.rule, row.subject);
    }
    [[nodiscard]] std::uint32_t pid_of(const Finding& row) const override { return row.owner.pid; }
    [[nodiscard]] Role role_of(const Finding& row) const override {
        switch (row.severity) {
            case Severity::warning: return Role::warning;
            case Severity::critical: return Role::critical;
        }
        return Role::text;
    }
};

}  // namespace

std::unique_ptr<Panel> findings_panel() { return std::make_unique<Findings>(); }

}  // namespace sockeye::tui
