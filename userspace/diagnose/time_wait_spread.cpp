// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/time_wait_spread.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "base/format.h"
#include "diagnose/pace.h"
#include "events/socket_view.h"

namespace sockeye {

namespace {

struct Crowd {
    std::vector<const TimeWaitMakerRow*> makers;
    double steady = 0, rate = 0;
    std::uint64_t entered = 0;
    std::optional<std::uint64_t> present = 0;  // absent: not counted

    // Not a burst that may be over. `skipped`: connections there have skipped TIME_WAIT.
    [[nodiscard]] bool lasts(bool skipped) const {
        return entered >= kLeastTimeWaits && (skipped || static_cast<double>(entered) >= Pace::kLastingS * rate);
    }
    void add(const TimeWaitMakerRow& maker, const TimeWaitOutlook& outlook) {
        makers.push_back(&maker);
        steady += outlook.of(maker);
        rate += maker.rate_per_s.value_or(0);
        entered += maker.entered;
        if (present.has_value() && maker.time_wait.has_value())
            *present += *maker.time_wait;
        else
            present.reset();
    }
};

// Name, container, and whether it is the client: who closes first, wherever to.
using CrowdKey = std::tuple<std::string_view, std::string_view, bool>;

// The only process of all these makers; 0: there are several, or none is known.
std::uint32_t only_pid(const Crowd& crowd) {
    std::set<std::uint32_t> pids;
    for (const TimeWaitMakerRow* maker : crowd.makers) {
        if (maker->processes != 1 || maker->pids.empty()) return 0;
        pids.insert(maker->pids.back());
    }
    return pids.size() == 1 ? *pids.begin() : 0;
}

// The greatest three, with their part of the crowd's.
std::string greatest(const Crowd& crowd, const TimeWaitOutlook& outlook, bool with_names) {
    std::vector<const TimeWaitMakerRow*> sorted = crowd.makers;
    std::ranges::stable_sort(sorted, std::ranges::greater{},
                             [&outlook](const TimeWaitMakerRow* maker) { return outlook.of(*maker); });
    constexpr std::size_t kNamed = 3;
    std::string text;
    for (std::size_t nth = 0; nth < std::min(kNamed, sorted.size()); ++nth) {
        const TimeWaitMakerRow& maker = *sorted[nth];
        const std::string name = with_names && !maker.comm.empty()
                                     ? fmt::format("{} {} ", maker.comm.view(), maker.connects ? "to" : "at")
                                     : std::string();
        text += fmt::format("{}{}{} {:.1f} %", nth == 0 ? "" : ", ", name, service_text(maker),
                            100 * outlook.of(maker) / crowd.steady);
    }
    return text;
}

Finding finding_of(std::uint32_t netns, const Crowd& crowd, Severity severity, const std::string& subject,
                   const std::string& who, std::string_view where, const Snapshot& now, const TimeWaitOutlook& outlook,
                   bool one_name) {
    const std::uint32_t most = limits_in(netns, now).time_wait_max;
    Finding finding;
    finding.rule = "time_wait_flood";
    finding.subject = subject;
    finding.severity = severity;
    finding.title = fmt::format("{} {} {} TIME_WAIT a second, closing first{}: {}", who,
                                one_name ? "makes" : "make", format_rate(crowd.rate), where,
                                outlook.steady_text(crowd.steady, netns));
    const bool connects = crowd.makers.front()->connects;
    const bool one_role = std::ranges::all_of(
        crowd.makers, [connects](const TimeWaitMakerRow* maker) { return maker->connects == connects; });
    finding.evidence = {
        {"side", one_role ? EvidenceValue(std::string(connects ? "client" : "server")) : EvidenceValue()},
        {"services", std::uint64_t{crowd.makers.size()}},
        {"greatest", greatest(crowd, outlook, !one_name)},
        {"netns", std::uint64_t{netns}},
        // Several, as `greatest` names them.
        {"laddr", EvidenceValue()},
        {"raddr", EvidenceValue()},
        {"lport", EvidenceValue()},
        {"rport", EvidenceValue()},
        {"rate_per_s", crowd.rate},
        {"now", evidence_value(crowd.present)},
        {"entered", crowd.entered},
        {"projected", outlook.capped(crowd.steady, netns)},
        {"limit", most != 0 ? EvidenceValue(std::uint64_t{most}) : EvidenceValue()},
        {"overflows", overflows_in(netns, now)},
    };
    finding.advice = {
        "keep connections open and use them again (keep-alive, a pool) toward all of them: none is much of it alone",
        fmt::format("net.ipv4.tcp_max_tw_buckets (now {}) is what all of them share; past it connections skip TIME_WAIT, "
                    "and late segments of one can reach the next",
                    most)};
    return finding;
}

std::string crowd_name(const Crowd& crowd) {
    const TimeWaitMakerRow& first = *crowd.makers.front();
    if (first.comm.empty()) return "an unknown process";
    const std::uint32_t pid = only_pid(crowd);
    return pid != 0 ? fmt::format("{} ({})", first.comm.view(), pid) : std::string(first.comm.view());
}

void look_at_namespace(std::uint32_t netns, Severity severity, const Snapshot& now, const TimeWaitOutlook& outlook,
                       std::vector<Finding>& findings) {
    const bool skipped = overflows_in(netns, now) != 0;
    std::map<CrowdKey, Crowd> crowds;
    Crowd all;
    const auto is_much = [&](const Crowd& crowd) {
        return outlook.is_much(netns, crowd.steady, static_cast<double>(crowd.present.value_or(crowd.entered)));
    };
    bool somebody_named = false;
    for (const TimeWaitMakerRow& maker : now.time_wait_makers) {
        if (maker.netns != netns || maker.entered == 0) continue;
        if (outlook.is_much(maker)) {
            somebody_named = true;
            continue;
        }
        crowds[{maker.comm.view(), maker.container, maker.connects}].add(maker, outlook);
        all.add(maker, outlook);
    }
    for (const auto& [key, crowd] : crowds) {
        const auto& [comm, container, connects] = key;
        if (!is_much(crowd) || !crowd.lasts(skipped) || crowd.makers.size() < 2) continue;
        somebody_named = true;
        Finding finding = finding_of(
            netns, crowd, severity,
            fmt::format("{} {} {} {} several", netns, comm, container, connects ? "to" : "at"), crowd_name(crowd),
            fmt::format(" {} {} services", connects ? "to" : "at", format_count(crowd.makers.size())), now, outlook, true);
        finding.owner = {.pid = only_pid(crowd), .tid = 0, .comm = crowd.makers.front()->comm};
        finding.container = crowd.makers.front()->container;
        findings.push_back(std::move(finding));
    }
    if (somebody_named || all.makers.empty() || !all.lasts(skipped) || all.steady == 0 || !is_much(all)) return;
    findings.push_back(finding_of(
        netns, all, severity, fmt::format("{} everybody", netns),
        fmt::format("{} makers in network namespace {}, none with a tenth of it,", format_count(all.makers.size()), netns),
        "", now, outlook, false));
}

}  // namespace

std::vector<Finding> spread_floods(const Snapshot& now, const TimeWaitOutlook& outlook) {
    std::vector<Finding> findings;
    for (const auto& [netns, projected] : outlook.by_netns()) {
        const std::optional<Severity> severity = projected == 0 ? std::nullopt : outlook.table_severity(netns);
        if (severity.has_value()) look_at_namespace(netns, *severity, now, outlook, findings);
    }
    return findings;
}

}  // namespace sockeye
