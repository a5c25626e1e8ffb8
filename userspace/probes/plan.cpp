// SPDX-License-Identifier: GPL-2.0-only
// The choice of hooks: walks the probe table row by row, best alternative first, until one works. Pure.
#include "probes/plan.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include "probes/probe_table.h"
#include "sockeye/event.h"

namespace sockeye {
namespace {

bool is_hook(HookKind kind) { return kind != HookKind::inference && kind != HookKind::polling; }

bool is_cooperative(const KernelFacts& kernel) {
    return kernel.preemption == Preemption::none || kernel.preemption == Preemption::voluntary;
}
constexpr KernelVersion kTracepointsPreempted{7, 0};

bool is_met(Condition condition, const PlanRequest& request, const KernelFacts& kernel) {
    switch (condition) {
        case Condition::pid_filter:
            return request.pid_filter != PidFilter::absent;
        case Condition::preempted_tracepoints:
            return kernel.version >= kTracepointsPreempted && !is_cooperative(kernel);
        default:
            return true;
    }
}

// How far an alternative can be trusted on this kernel: whether another task can enter a program that was
// preempted. fentry and fexit run preemptible everywhere, tp_btf since 7.0, and tp/syscalls/* there, too (7.3
// lost 2 % of accepts and, because one counter guards all classic programs of a CPU, kprobe events besides).
// `repaired`: what the kernel skips, another row's hook writes.
Trust trust_on(const Alternative& alternative, Purpose purpose, bool repaired, const KernelFacts& kernel) {
    if (purpose == Purpose::repair) return alternative.trust;
    // A preempted tp/syscalls program does not only miss: it keeps others from running.
    if (purpose == Purpose::witness && alternative.kind != HookKind::syscall_tracepoint) return alternative.trust;
    const bool cooperative = is_cooperative(kernel);
    const bool since_7 = kernel.version >= kTracepointsPreempted;
    Trust by_preemption = Trust::exact;
    switch (alternative.kind) {
        case HookKind::fentry:
        case HookKind::fexit:
            if (!cooperative && alternative.context == Context::mostly_softirq && !kernel.realtime)
                by_preemption = repaired ? Trust::measured : Trust::partial;
            else if (!cooperative)
                by_preemption = kernel.preemption == Preemption::lazy && !since_7 ? Trust::measured
                                                                                                : Trust::lossy;
            break;
        case HookKind::btf_tracepoint:
            if (since_7) {
                if (!cooperative) by_preemption = Trust::lossy;
            } else if (kernel.preemption == Preemption::full || kernel.preemption == Preemption::unknown) {
                by_preemption = Trust::measured;
            }
            break;
        case HookKind::syscall_tracepoint:
            if (since_7 && !cooperative) by_preemption = Trust::lossy;
            break;
        default:
            break;
    }
    return std::max(alternative.trust, by_preemption);
}

// The kinds that a forced tier stands for; tracepoints and what needs no hook serve every tier.
bool belongs_to(HookKind kind, HookTier tier) {
    switch (kind) {
        case HookKind::fentry:
        case HookKind::fexit:
            return tier == HookTier::trampoline;
        case HookKind::kprobe:
        case HookKind::kretprobe:
            return tier == HookTier::kprobe;
        default:
            return false;
    }
}
bool is_tier_specific(HookKind kind) {
    return belongs_to(kind, HookTier::trampoline) || belongs_to(kind, HookTier::kprobe);
}

std::string hook_of(const Alternative& alternative) {
    if (!alternative.hook.empty()) return std::string(alternative.hook);
    return alternative.attachments.empty() ? std::string(name_of(alternative.kind))
                                           : hook_name(alternative.attachments.front());
}

struct Candidate {
    const Alternative* alternative;
    Trust trust;
};

class Chooser {
public:
    Chooser(HookTier tier, const KernelFacts& kernel, const TryHook& try_hook)
        : tier_(tier), kernel_(kernel), try_hook_(try_hook) {}

    // `banned`: why no hook may be taken; empty: it may.
    [[nodiscard]] PlannedRow choose(const ProbePoint& point, Feature feature, bool repaired,
                                    const std::string& banned) const {
        PlannedRow row;
        row.row = point.row;
        row.feature = feature;
        row.attach_turn = point.attach_turn;
        std::vector<std::string> remedies;
        for (const Candidate& candidate : candidates(point, repaired)) {
            const std::string reason = refusal(*candidate.alternative, banned, row, remedies);
            if (reason.empty()) {
                take(candidate, row, remedies);
                note_hidden_namespaces(row);
                return row;
            }
            row.refused.push_back({hook_of(*candidate.alternative), reason});
        }
        row.exact = false;
        row.cost = "not observed";
        row.remedy = joined(remedies);
        return row;
    }

private:
    [[nodiscard]] std::vector<Candidate> candidates(const ProbePoint& point, bool repaired) const {
        std::vector<Candidate> found;
        for (const Alternative& alternative : point.alternatives)
            found.push_back({&alternative, trust_on(alternative, point.purpose, repaired, kernel_)});
        std::ranges::stable_sort(found, [this](const Candidate& a, const Candidate& b) {
            const bool a_forced = belongs_to(a.alternative->kind, tier_);
            const bool b_forced = belongs_to(b.alternative->kind, tier_);
            return a_forced != b_forced ? a_forced : a.trust < b.trust;
        });
        return found;
    }

    // Why this alternative cannot be taken; empty: it can, and row.attachments holds what works.
    std::string refusal(const Alternative& alternative, const std::string& banned, PlannedRow& row,
                        std::vector<std::string>& remedies) const {
        row.attachments.clear();
        row.without.clear();
        if (!is_hook(alternative.kind)) return {};
        if (!banned.empty()) return banned;
        const bool forced = belongs_to(alternative.kind, tier_);
        if (tier_ != HookTier::automatic && is_tier_specific(alternative.kind) && !forced)
            return "left out by --hooks " + std::string(name_of(tier_));
        if (alternative.choice == Choice::only_forced && !forced) return std::string(alternative.cost);
        std::string first_reason;
        bool taken = false;  // the attachment before
        for (const Attachment& attachment : alternative.attachments) {
            if (attachment.before != KernelVersion{} && kernel_.version >= attachment.before) continue;
            if (attachment.presence == Presence::fallback && taken) continue;
            HookTrial trial = try_hook_(attachment);
            taken = trial.error == 0;
            if (taken) {
                row.attachments.push_back(attachment);
                continue;
            }
            if (first_reason.empty()) first_reason = trial.reason;
            if (attachment.presence != Presence::required) {
                if (!is_absence(trial.error)) row.without.push_back({hook_name(attachment), std::move(trial.reason)});
                continue;
            }
            if (!trial.remedy.empty()) remedies.push_back(std::move(trial.remedy));
            return first_reason;
        }
        return row.attachments.empty() ? first_reason : std::string();
    }

    static void take(const Candidate& candidate, PlannedRow& row, const std::vector<std::string>& remedies) {
        const Alternative& alternative = *candidate.alternative;
        row.observed = true;
        row.kind = alternative.kind;
        row.hook = hook_of(alternative);
        row.exact = candidate.trust <= Trust::measured;
        for (const Attachment& attachment : row.attachments)
            if (std::ranges::find(row.programs, attachment.program) == row.programs.end())
                row.programs.emplace_back(attachment.program);
        row.cost = alternative.cost;
        if (candidate.trust > Trust::measured && candidate.trust != alternative.trust) {
            if (!row.cost.empty()) row.cost += "; ";
            row.cost += "the kernel skips it while a task was preempted inside it: up to ";
            row.cost += candidate.trust == Trust::lossy ? "5 %" : "0.3 %";
            row.cost += " of the events under load, counted as lost";
        }
        for (const Refusal& place : row.without) {
            row.exact = false;
            if (!row.cost.empty()) row.cost += "; ";
            row.cost += "without " + place.hook + ": " + place.reason;
        }
        if (!row.exact) row.remedy = joined(remedies);
    }

    // Socket tables belong to network namespaces.
    void note_hidden_namespaces(PlannedRow& row) const {
        const bool sockets = row.hook == "iter/tcp" || row.hook == "iter/udp" || row.hook == "iter/unix";
        if (kernel_.can_enter_netns || row.kind != HookKind::iterator || !sockets) return;
        row.exact = false;
        row.cost = "sockets of our own network namespace only";
        row.remedy = "run as root (CAP_SYS_ADMIN), to enter the others";
    }

    // The kernel has no such place, or kprobes can't reach it.
    static bool is_absence(int error) { return error == ENOENT || error == EADDRNOTAVAIL || error == ENODEV; }

    static std::string joined(const std::vector<std::string>& remedies) {
        std::string text;
        for (const std::string& remedy : remedies) {
            if (text.find(remedy) != std::string::npos) continue;
            if (!text.empty()) text += ", or ";
            text += remedy;
        }
        return text;
    }

    HookTier tier_;
    const KernelFacts& kernel_;
    const TryHook& try_hook_;
};

PlannedRow told_by(const ProbePoint& point, Feature feature, const PlannedRow& teller) {
    PlannedRow row = teller;
    row.row = point.row;
    row.feature = feature;
    row.attach_turn = point.attach_turn;
    row.refused.clear();
    return row;
}

}  // namespace

std::string_view name_of(HookKind kind) {
    switch (kind) {
        case HookKind::tracepoint: return "tracepoint";
        case HookKind::btf_tracepoint: return "btf_tracepoint";
        case HookKind::kprobe: return "kprobe";
        case HookKind::kretprobe: return "kretprobe";
        case HookKind::fentry: return "fentry";
        case HookKind::fexit: return "fexit";
        case HookKind::syscall_tracepoint: return "syscall_tracepoint";
        case HookKind::iterator: return "iterator";
        case HookKind::inference: return "inference";
        case HookKind::polling: break;
    }
    return "polling";
}

std::string_view name_of(HookTier tier) {
    switch (tier) {
        case HookTier::automatic: return "auto";
        case HookTier::trampoline: return "trampoline";
        case HookTier::kprobe: return "kprobe";
        case HookTier::tracepoint: return "tracepoint";
        case HookTier::sampling: break;
    }
    return "sampling";
}

std::string hook_name(const Attachment& attachment) {
    std::string_view prefix = name_of(attachment.kind);
    if (attachment.kind == HookKind::tracepoint || attachment.kind == HookKind::syscall_tracepoint) prefix = "tp";
    if (attachment.kind == HookKind::btf_tracepoint) prefix = "tp_btf";
    if (attachment.kind == HookKind::iterator) prefix = "iter";
    return std::string(prefix) + "/" + std::string(attachment.target);
}

bool ProbePlan::hooked(std::string_view row) const {
    const PlannedRow* const found = find(row);
    return found != nullptr && found->observed && is_hook(found->kind);
}

bool ProbePlan::time_wait_exact() const { return hooked("time_wait_enter") && hooked("time_wait_leave"); }

std::uint32_t ProbePlan::time_wait_hooks() const {
    if (!time_wait_exact()) return 0;
    return hooked("time_wait_overflow") ? WIRE_HOOKS_MINISOCKS | WIRE_HOOKS_OVERFLOWS : WIRE_HOOKS_MINISOCKS;
}

const PlannedRow* ProbePlan::find(std::string_view row) const {
    const auto found = std::ranges::find(rows, row, &PlannedRow::row);
    return found == rows.end() ? nullptr : &*found;
}

std::vector<const PlannedRow*> ProbePlan::in_attach_order() const {
    std::vector<const PlannedRow*> order;
    order.reserve(rows.size());
    for (const PlannedRow& row : rows) order.push_back(&row);
    std::ranges::stable_sort(order, {}, &PlannedRow::attach_turn);
    return order;
}

ProbePlan choose_hooks(const PlanRequest& request, const KernelFacts& kernel, const TryHook& try_hook) {
    const Chooser chooser(request.tier, kernel, try_hook);
    ProbePlan plan{.tier = request.tier, .rows = {}};
    std::vector<const ProbePoint*> points;
    std::set<std::string_view> unhooked_groups;
    for (const ProbePoint& point : probe_table()) {
        if (!is_met(point.condition, request, kernel)) continue;
        const std::uint32_t wanted = point.features.bits() & request.features.bits();
        if (!point.features.empty() && wanted == 0) continue;
        const auto feature = static_cast<Feature>(wanted & -wanted);  // the first of them
        const PlannedRow* const teller = plan.find(point.told_by);
        plan.rows.push_back(teller != nullptr && teller->observed ? told_by(point, feature, *teller)
                                                                  : chooser.choose(point, feature, plan.hooked(point.repaired_by), {}));
        points.push_back(&point);
        if (!point.group.empty() && point.role == GroupRole::member && !is_hook(plan.rows.back().kind))
            unhooked_groups.insert(point.group);
    }
    for (std::size_t i = 0; i < points.size(); ++i) {
        if (!unhooked_groups.contains(points[i]->group) || !is_hook(plan.rows[i].kind)) continue;
        plan.rows[i] = chooser.choose(*points[i], plan.rows[i].feature, false,
                                      "of no use while another hook of " +
                                                      std::string(points[i]->group) + " is missing");
    }
    return plan;
}

}  // namespace sockeye
