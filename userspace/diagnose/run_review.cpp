// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/run_review.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/format.h"
#include "diagnose/culprit.h"
#include "events/socket_view.h"

namespace sockeye {
namespace {

// Series of the whole run, however long.
constexpr std::uint64_t kForeverNs = ~std::uint64_t{0} / 2;

// Innermost first, from the program's own on. Lines and addresses change from build to build: a function's name stands
// for them where it is known.
std::string way_text(const Snapshot& snapshot, const OpenerRow& row) {
    constexpr std::size_t kMostFrames = 4;
    if (!row.way.has_value() || *row.way >= snapshot.ways.size()) return "unknown";
    const std::vector<FrameRow>& frames = snapshot.ways[*row.way].frames;
    const FrameRow* const culprit = culprit_of(snapshot.ways[*row.way]);
    std::string text;
    std::size_t count = 0;
    for (const FrameRow* frame = culprit; frame != nullptr && frame != frames.data() + frames.size() && count < kMostFrames; ++frame, ++count)
        text += fmt::format("{}{}", count == 0 ? "" : " < ", !frame->function.empty() ? frame->function : frame_text(*frame));
    return text.empty() ? "unknown" : text;
}

std::string maker_key(const TimeWaitMakerRow& row) {
    return fmt::format("{}\n{}\n{}\n{}\n{}", row.comm.view(), maker_place(row), row.netns, row.container, row.cgroup);
}

GroupKey group_of(const ProcessRow& row) {
    return {std::string(row.comm.view()), stable_place(!row.container.empty() ? "container" : row.cgroup)};
}

std::uint64_t sum_of(const std::map<std::string, std::uint64_t>& counts) {
    std::uint64_t sum = 0;
    for (const auto& [name, count] : counts) sum += count;
    return sum;
}

std::uint64_t count_in(const std::map<std::string, std::uint64_t>& counts, const std::string& name) {
    const auto found = counts.find(name);
    return found == counts.end() ? 0 : found->second;
}

// Counts and limits, without the lists.
Snapshot totals_of(const Snapshot& snapshot) {
    Snapshot totals;
    totals.ktime_ns = snapshot.ktime_ns;
    totals.wall_offset_ns = snapshot.wall_offset_ns;
    totals.host = snapshot.host;
    totals.kernel = snapshot.kernel;
    totals.limits = snapshot.limits;
    totals.tcp_states = snapshot.tcp_states;
    totals.time_wait_exact = snapshot.time_wait_exact;
    totals.descriptors = snapshot.descriptors;
    totals.total = snapshot.total;
    totals.connects_total = snapshot.connects_total;
    totals.connects_uncertain = snapshot.connects_uncertain;
    totals.connects_observed = snapshot.connects_observed;
    totals.connects_unsent_told = snapshot.connects_unsent_told;
    totals.lost = snapshot.lost;
    totals.drift = snapshot.drift;
    totals.self = snapshot.self;
    return totals;
}

}  // namespace

std::string maker_place(const TimeWaitMakerRow& row) {
    const EndpointView service = row.connects ? remote_endpoint(row.service) : local_endpoint(row.service);
    return fmt::format("{} {}", row.connects ? "to" : "at", endpoint_text(service));
}

template <typename Visit>
void RunReview::for_each_track(const Visit& visit) {
    for (Track& track : states_) visit(track);
    for (Track* track : {&connects_per_s_, &failed_per_s_, &accepts_per_s_, &time_wait_per_s_, &other_descriptors_,
                         &cost_.cpu_percent, &cost_.events_per_s, &cost_.ring_percent, &cost_.drift})
        visit(*track);
    for (auto& [key, maker] : makers_) visit(maker.present);
    for (auto& [key, process] : processes_) visit(process.open);
    for (auto& [kind, track] : kinds_) visit(track);
    for (auto& [name, track] : cost_.lost) visit(track);
}

void RunReview::halve() {
    for_each_track([](Track& track) { track.halve(); });
    for (std::size_t at = 0; at < latencies_.size(); ++at) {
        if (at % 2 != 0)
            latencies_[at / 2].merge(latencies_[at]);
        else if (at != 0)
            latencies_[at / 2] = std::move(latencies_[at]);
    }
    latencies_.resize((latencies_.size() + 1) / 2);
}

void RunReview::look(const Snapshot& snapshot, std::span<const Finding> findings) {
    const bool is_first = timeline_.empty();
    if (!is_first && snapshot.ktime_ns < timeline_.end_ns()) return;
    const bool torn = count_in(snapshot.lost, "recording") > count_in(last_.lost, "recording");
    const Timeline::Step step = timeline_.advance(snapshot.ktime_ns, torn && !is_first);
    if (step == Timeline::Step::halved) halve();
    const std::size_t bucket = timeline_.buckets().size() - 1;
    if (is_first) first_ = rate_base_ = totals_of(snapshot);

    for (std::size_t state = 0; state < states_.size(); ++state)
        states_[state].put(bucket, static_cast<double>(snapshot.tcp_states[state]));
    look_at_makers(snapshot, bucket);
    look_at_processes(snapshot, bucket);
    look_at_groups(snapshot);
    look_at_connects(snapshot);
    look_at_openers(snapshot);
    for (auto& [kind, track] : kinds_)
        if (!snapshot.descriptors.by_kind.contains(kind)) track.put(bucket, 0);
    for (const auto& [kind, count] : snapshot.descriptors.by_kind)
        if (kinds_.contains(kind) || kinds_.size() < kMostKinds) kinds_[kind].put(bucket, static_cast<double>(count));
    latencies_.resize(bucket + 1);
    latencies_[bucket].merge(latencies_since_);
    latencies_since_ = {};
    look_at_findings(snapshot, findings);
    look_at_cost(snapshot, bucket);
    if (!is_first && step != Timeline::Step::part) {
        put_rates(snapshot, bucket);
        rate_base_ = totals_of(snapshot);
    }
    last_ = totals_of(snapshot);
}

void RunReview::put_rates(const Snapshot& snapshot, std::size_t bucket) {
    const double seconds = static_cast<double>(snapshot.ktime_ns - rate_base_.ktime_ns) / 1e9;
    if (seconds <= 0) return;
    const auto put = [&](Track& track, std::uint64_t now, std::uint64_t before) {
        track.put(bucket, static_cast<double>(now >= before ? now - before : 0) / seconds);
    };
    const Activity &now = snapshot.total, &before = rate_base_.total;
    put(connects_per_s_, now.connects, before.connects);
    put(failed_per_s_, now.connects_failed, before.connects_failed);
    put(accepts_per_s_, now.accepts, before.accepts);
    put(time_wait_per_s_, now.time_wait_entered, before.time_wait_entered);
    put(cost_.events_per_s, snapshot.self.events, rate_base_.self.events);
    cost_.cpu_percent.put(bucket, 100 * std::max(0.0, snapshot.self.cpu_s - rate_base_.self.cpu_s) / seconds);
}

void RunReview::look_at_cost(const Snapshot& snapshot, std::size_t bucket) {
    const SelfCost& self = snapshot.self;
    if (self.ring_bytes != 0)
        cost_.ring_percent.put(bucket, 100 * static_cast<double>(self.ring_high_bytes) / static_cast<double>(self.ring_bytes));
    // What was lost before the first tick is told by the first, too.
    for (const auto& [name, count] : snapshot.lost) {
        const std::uint64_t news = count - std::min(count, count_in(last_.lost, name));
        if (news != 0) timeline_.add_lost(news);
        cost_.lost[name].put(bucket, static_cast<double>(news));
    }
    const std::uint64_t drift = snapshot.drift.sockets + snapshot.drift.fds, before = last_.drift.sockets + last_.drift.fds;
    cost_.drift.put(bucket, static_cast<double>(drift - std::min(drift, before)));
}

void MakerReview::add(const TimeWaitMakerRow& listed, bool from_now_on) {
    constexpr std::size_t kMostAddresses = 4096;  // as many as the aggregator tells apart at once
    row = listed;
    present_now += static_cast<double>(listed.time_wait.value_or(0));
    std::array<se_u8, 16> address{};
    if (listed.connects) std::ranges::copy(listed.service.laddr, address.begin());
    if (entered_by_address.size() >= kMostAddresses && !entered_by_address.contains(address)) return;
    Entered& entered = entered_by_address[address];
    // The first snapshot's counts are from the time before it, and all later ones begin with it.
    if (from_now_on) return;
    if (listed.entered < entered.now) entered.before += entered.now;
    entered.now = listed.entered;
}

std::uint64_t MakerReview::entered() const {
    std::uint64_t sum = 0;
    for (const auto& [address, entered] : entered_by_address) sum += entered.before + entered.now;
    return sum;
}

void RunReview::look_at_makers(const Snapshot& snapshot, std::size_t bucket) {
    const bool is_first = snapshot.ktime_ns == timeline_.begin_ns();
    for (const TimeWaitMakerRow& row : snapshot.time_wait_makers) {
        std::string key = maker_key(row);
        // Makers come busiest first, so the busy ones have a place.
        if (makers_.size() >= kMostMakers && !makers_.contains(key)) key = kOthers;
        MakerReview& maker = makers_[key];
        if (maker.seen_ns == 0 && !is_first) maker.present.put(bucket == 0 ? 0 : bucket - 1, 0);
        if (key == kOthers)
            maker.present_now += static_cast<double>(row.time_wait.value_or(0));
        else
            maker.add(row, is_first);
        maker.seen_ns = snapshot.ktime_ns;
    }
    // One that makes none and holds none is not listed.
    for (auto& [key, maker] : makers_) {
        maker.present.put(bucket, maker.present_now);
        maker.present_now = 0;
    }
}

ProcessReview* RunReview::review_of(const ProcessRow& row) {
    std::pair<std::uint32_t, std::string> key(row.pid, row.comm.view());
    const auto found = processes_.find(key);
    if (found != processes_.end()) return &found->second;
    if (processes_.size() >= kMostProcesses) {
        // The one that matters least gives way: gone before living, then that which never had many.
        const auto least = std::ranges::min_element(processes_, {}, [this](const auto& entry) {
            const ProcessReview& process = entry.second;
            return std::tuple(process.seen_ns >= last_.ktime_ns, process.range(), process.open.highest());
        });
        const ProcessReview& process = least->second;
        const double open = static_cast<double>(*row.fds.open);
        if (process.seen_ns >= last_.ktime_ns && process.open.highest() >= open) return nullptr;
        if (process.range() > open) return nullptr;
        processes_.erase(least);
    }
    ProcessReview& process = processes_[std::move(key)];
    process.pid = row.pid;
    process.comm = row.comm;
    return &process;
}

void RunReview::look_at_processes(const Snapshot& snapshot, std::size_t bucket) {
    double others = 0;
    for (const ProcessRow& row : snapshot.processes) {
        if (!row.alive || !row.fds.open.has_value() || row.fds.table_of != 0) continue;
        const double open = static_cast<double>(*row.fds.open);
        ProcessReview* const process = open == 0 ? nullptr : review_of(row);
        if (process == nullptr) {
            others += open;
            continue;
        }
        process->group = group_of(row);
        process->place = !row.container.empty() ? row.container : row.cgroup;
        process->soft_limit = row.fds.soft_limit;
        process->open.put(bucket, open);
        process->series.add(snapshot.ktime_ns, open, kForeverNs);
        if (process->first_kinds.empty()) process->first_kinds = row.fds.by_kind;
        if (!row.fds.by_kind.empty()) process->last_kinds = row.fds.by_kind;
        process->seen_ns = snapshot.ktime_ns;
    }
    other_descriptors_.put(bucket, others);
}

void RunReview::look_at_groups(const Snapshot& snapshot) {
    for (auto& [key, group] : groups_) group.open_now = group.close_wait_now = 0;
    for (const ProcessRow& row : snapshot.processes) {
        const std::uint64_t open = row.alive && row.fds.table_of == 0 ? row.fds.open.value_or(0) : 0;
        const std::uint64_t close_wait = row.tcp[WIRE_TCP_CLOSE_WAIT];
        if (open == 0 && close_wait == 0) continue;
        GroupKey key = group_of(row);
        if (groups_.size() >= kMostGroups && !groups_.contains(key)) key = {kOthers, {}};
        GroupReview& group = groups_[key];
        group.open_now += open;
        group.close_wait_now += close_wait;
    }
    const bool is_first = snapshot.ktime_ns == timeline_.begin_ns();
    for (auto& [key, group] : groups_) {
        if (is_first) group.first_open = group.open_now;
        group.last_open = group.open_now;
        group.peak_open = std::max(group.peak_open, group.open_now);
        group.last_close_wait = group.close_wait_now;
        group.peak_close_wait = std::max(group.peak_close_wait, group.close_wait_now);
        group.open.add(snapshot.ktime_ns, static_cast<double>(group.open_now), kForeverNs);
    }
}

void RunReview::look_at_findings(const Snapshot& snapshot, std::span<const Finding> findings) {
    for (const Finding& finding : findings) {
        auto seen = std::ranges::find_if(findings_, [&](const SeenFinding& one) {
            return one.finding.rule == finding.rule && one.finding.subject == finding.subject;
        });
        if (seen == findings_.end()) {
            if (findings_.size() >= kMostFindings) {
                ++findings_left_out_;
                const auto least = std::ranges::min_element(
                    findings_, {}, [](const SeenFinding& one) { return one.finding.severity; });
                if (least->finding.severity >= finding.severity) continue;
                findings_.erase(least);
            }
            seen = findings_.insert(findings_.end(), {.finding = finding, .first_ns = snapshot.ktime_ns});
        }
        seen->last_ns = snapshot.ktime_ns;
        if (finding.severity < seen->finding.severity) continue;
        seen->finding = finding;
        seen->as_of_ns = snapshot.ktime_ns;
    }
}

ConnectReview& RunReview::connect_of(std::string_view comm, const socket_tuple& remote) {
    ConnectKey key(comm, endpoint_text(remote_endpoint(remote)));
    if (connects_.size() >= kMostConnects && !connects_.contains(key)) key = {kOthers, kOthers};
    return connects_[std::move(key)];
}

// Rows count since the start; those of processes that are gone have been joined, so they are added up anew.
void RunReview::look_at_connects(const Snapshot& snapshot) {
    for (auto& [key, connect] : connects_) {
        connect.attempts = connect.established = connect.pending = 0;
        connect.failed.clear();
    }
    for (const ConnectRow& row : snapshot.connects) {
        ConnectReview& connect =
            row.of == ConnectRow::Of::others ? connects_[{kOthers, kOthers}] : connect_of(row.comm.view(), row.remote);
        connect.attempts += row.attempts;
        connect.established += row.established;
        connect.pending += row.pending;
        for (const auto& [error, count] : row.failed) connect.failed[error] += count;
    }
}

void RunReview::look_at_openers(const Snapshot& snapshot) {
    if (snapshot.openers.empty()) return;
    openers_.clear();
    for (const OpenerRow& row : snapshot.openers) {
        if (row.open == 0) continue;
        std::string key = fmt::format("{}: {} by {}", row.comm.view(), fd_kind_name(row.kind), way_text(snapshot, row));
        if (openers_.size() >= kMostOpeners && !openers_.contains(key)) key = kOthers;
        openers_[std::move(key)] += row.open;
    }
}

void RunReview::note(const Event& event) {
    if (event.kind != EventKind::connect) return;
    const SocketCall& call = std::get<SocketCall>(event.detail);
    if (call.error != 0 || call.latency_ns < 0) return;
    const std::uint64_t latency_ns = static_cast<std::uint64_t>(call.latency_ns);
    connect_of(event.owner.comm.view(), event.socket.tuple).latency.add(latency_ns);
    latencies_since_.add(latency_ns);
}

std::uint64_t ConnectReview::failed_count() const { return sum_of(failed); }

Activity RunReview::activity() const {
    Activity all = last_.total;
    // Of what was counted at first some can have been taken back: connects that a filter turned out to leave out.
    for (const auto counter : Activity::kCounters) all.*counter -= std::min(all.*counter, first_.total.*counter);
    return all;
}

std::uint64_t RunReview::time_wait_untold() const {
    if (!makers_.contains(kOthers)) return 0;
    std::uint64_t told = 0;
    for (const auto& [key, maker] : makers_)
        if (key != kOthers) told += maker.entered();
    const std::uint64_t all = activity().time_wait_entered;
    return all - std::min(all, told);
}

std::uint64_t RunReview::connects_untold() const {
    const auto others = connects_.find({kOthers, kOthers});
    return others == connects_.end() ? 0 : others->second.failed_count();
}

std::uint64_t RunReview::lost() const { return sum_of(last_.lost); }
Drift RunReview::drift() const { return last_.drift; }

}  // namespace sockeye
