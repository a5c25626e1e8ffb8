// SPDX-License-Identifier: GPL-2.0-only
#include "diagnose/run_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace sockeye {
namespace {

constexpr double kDeviations = 3;
constexpr double kLeastEvents = 10, kLeastDescriptors = 10, kLeastSockets = 5, kLeastLatencyNs = 50'000;

// The keys of both.
template <typename Key, typename Value>
std::set<Key> keys_of(const std::map<Key, Value>& one, const std::map<Key, Value>& other) {
    std::set<Key> keys;
    for (const auto& [key, value] : one) keys.insert(key);
    for (const auto& [key, value] : other) keys.insert(key);
    return keys;
}

template <typename Key, typename Value>
Value value_in(const std::map<Key, Value>& values, const Key& key) {
    const auto found = values.find(key);
    return found == values.end() ? Value{} : found->second;
}

struct Side {
    const RunReview& review;
    double seconds;
    double lost;
};

class Comparison {
public:
    Comparison(const RunReview& before, const RunReview& after, const DiffOptions& options)
        : before_(side_of(before)), after_(side_of(after)), options_(options) {}

    RunDiff run() &&;

private:
    using Counts = std::map<std::pair<std::string, std::string>, double>;  // process and destination; in all
    static Side side_of(const RunReview& review) {
        return {review, std::max(review.timeline().seconds(), 1e-3), static_cast<double>(review.lost())};
    }
    static Counts time_wait_of(const RunReview& review);
    static Counts failed_of(const RunReview& review);

    [[nodiscard]] bool grew(double from, double from_seconds, double to, double to_seconds) const;
    // Of what a run counted without telling whose it was; any part of it may be a row's.
    struct Untold {
        std::uint64_t before = 0, after = 0;
    };
    DiffRow& add_count(std::string_view measure, std::string subject, double before, double after, Untold untold);
    void add_counts(std::string_view measure, const Counts& before, const Counts& after, Untold untold);
    DiffRow& add_level(std::string_view measure, std::string subject, double before, double after, double least);
    void add_groups();
    void add_slope(const GroupKey& key, const GroupReview& before, const GroupReview& after);
    DiffVerdict add_latency(std::string_view measure, const std::string& subject, double share, const LatencyHistogram& before,
                            const LatencyHistogram& after);
    void add_failed();
    void add_latencies();
    void add_findings();
    void add_openers();

    Side before_, after_;
    DiffOptions options_;
    RunDiff diff_;
};

std::string group_text(const GroupKey& key) {
    return key.second.empty() || key.second == "/" ? key.first : fmt::format("{} in {}", key.first, key.second);
}

double leak_of(const Series& series) {
    const Growth growth = judge_growth(series);
    return growth.shape == Shape::steady && growth.gained >= kLeastDescriptors ? growth.per_s : 0;
}

// What the processes of a group leak, each while it lives, or the group as one where many leak a little.
double slope_of(const RunReview& review, const GroupKey& key, const GroupReview& group) {
    double slope = 0;
    for (const auto& [id, process] : review.processes()) {
        if (process.group == key) slope += leak_of(process.series);
    }
    return std::max(slope, leak_of(group.open));
}

// Of events that came independently of each other: the difference that chance does not explain.
bool Comparison::grew(double from, double from_seconds, double to, double to_seconds) const {
    const double highest_from = (from + kDeviations * std::sqrt(from)) / from_seconds;
    const double lowest_to = (to - kDeviations * std::sqrt(to)) / to_seconds;
    return lowest_to > (1 + options_.threshold) * highest_from && to - from * to_seconds / from_seconds >= kLeastEvents;
}

DiffRow& Comparison::add_count(std::string_view measure, std::string subject, double before, double after, Untold untold) {
    const double before_missed = before_.lost + static_cast<double>(untold.before);
    const double after_missed = after_.lost + static_cast<double>(untold.after);
    const auto note = [](std::string_view run, double lost, std::uint64_t others) {
        return others == 0 ? fmt::format("the {} run lost {:.0f} events", run, lost)
                           : fmt::format("of the {} run {} are not told apart and {:.0f} events lost", run, others, lost);
    };
    const double before_s = options_.totals ? 1 : before_.seconds, after_s = options_.totals ? 1 : after_.seconds;
    DiffRow row{.measure = measure,
                .subject = std::move(subject),
                .unit = options_.totals ? DiffUnit::count : DiffUnit::per_second,
                .before = before / before_s,
                .after = after / after_s,
                .before_total = before,
                .after_total = after,
                .note = {}};
    if (grew(before + before_missed, before_s, after, after_s)) {
        row.verdict = DiffVerdict::regression;
    } else if (grew(after + after_missed, after_s, before, before_s)) {
        row.verdict = DiffVerdict::improvement;
    } else if (grew(before, before_s, after, after_s)) {
        row.verdict = DiffVerdict::uncertain;
        row.note = note("first", before_.lost, untold.before);
    } else if (after_missed > 0 && before + after > 0 && grew(before, before_s, after + after_missed, after_s)) {
        row.note = note("second", after_.lost, untold.after);
    }
    diff_.rows.push_back(std::move(row));
    return diff_.rows.back();
}

void Comparison::add_counts(std::string_view measure, const Counts& before, const Counts& after, Untold untold) {
    std::map<std::string, double> whole_before, whole_after;
    std::map<std::string, std::size_t> destinations;
    for (const auto& [key, count] : before) whole_before[key.first] += count;
    for (const auto& [key, count] : after) whole_after[key.first] += count;
    const std::set<Counts::key_type> keys = keys_of(before, after);
    for (const auto& key : keys) ++destinations[key.first];
    std::map<std::string, DiffVerdict> verdicts;
    for (const std::string& process : keys_of(whole_before, whole_after)) {
        if (destinations[process] != 1)
            verdicts[process] = add_count(measure, process, value_in(whole_before, process), value_in(whole_after, process), untold).verdict;
    }
    for (const auto& key : keys) {
        DiffRow& row = add_count(measure, key.first + " " + key.second, value_in(before, key), value_in(after, key), untold);
        if (destinations[key.first] != 1 && row.verdict != verdicts[key.first]) row.verdict = DiffVerdict::same;
    }
}

DiffRow& Comparison::add_level(std::string_view measure, std::string subject, double before, double after, double least) {
    DiffRow row{.measure = measure, .subject = std::move(subject), .unit = DiffUnit::count, .before = before, .after = after, .before_total = {}, .after_total = {}, .note = {}};
    const auto past = [&](double from, double to) { return to > (1 + options_.threshold) * from && to - from >= least; };
    if (past(std::max(0.0, before), after)) row.verdict = DiffVerdict::regression;
    if (past(std::max(0.0, after), before)) row.verdict = DiffVerdict::improvement;
    diff_.rows.push_back(std::move(row));
    return diff_.rows.back();
}

void Comparison::add_slope(const GroupKey& key, const GroupReview& before, const GroupReview& after) {
    const double from = slope_of(before_.review, key, before), to = slope_of(after_.review, key, after);
    if (from == 0 && to == 0) return;
    DiffRow row{.measure = "descriptors_growth", .subject = group_text(key), .unit = DiffUnit::per_second, .before = from, .after = to, .before_total = {}, .after_total = {}, .note = {}};
    if (to > (1 + options_.threshold) * from) row.verdict = DiffVerdict::regression;
    if (from > (1 + options_.threshold) * to) row.verdict = DiffVerdict::improvement;
    diff_.rows.push_back(std::move(row));
}

void Comparison::add_groups() {
    const auto &before = before_.review.groups(), &after = after_.review.groups();
    for (const GroupKey& key : keys_of(before, after)) {
        const GroupReview was = value_in(before, key), is = value_in(after, key);
        const std::string subject = group_text(key);
        const auto left = [](const GroupReview& group) { return static_cast<double>(group.last_open) - static_cast<double>(group.first_open); };
        add_level("descriptors_peak", subject, static_cast<double>(was.peak_open), static_cast<double>(is.peak_open), kLeastDescriptors);
        // Who was not there at first may have come to stay: what it holds at the end is no leak for that alone.
        if (was.first_open != 0 && is.first_open != 0)
            add_level("descriptors_left", subject, left(was), left(is), kLeastDescriptors);
        add_slope(key, was, is);
        if (was.peak_close_wait != 0 || is.peak_close_wait != 0)
            add_level("close_wait", subject, static_cast<double>(was.last_close_wait), static_cast<double>(is.last_close_wait), kLeastSockets);
    }
}

DiffVerdict Comparison::add_latency(std::string_view measure, const std::string& subject, double share,
                                    const LatencyHistogram& before, const LatencyHistogram& after) {
    const PercentileBounds was = percentile_bounds(before, share), is = percentile_bounds(after, share);
    DiffRow row{.measure = measure, .subject = subject, .unit = DiffUnit::nanoseconds, .before = before.percentile_ns(share), .after = after.percentile_ns(share), .before_total = {}, .after_total = {}, .note = {}};
    if (!row.before.has_value() || !row.after.has_value()) return DiffVerdict::same;
    const auto past = [&](const PercentileBounds& from, const PercentileBounds& to, double difference) {
        return from.high_ns.has_value() && to.low_ns.has_value() && *to.low_ns > (1 + options_.threshold) * *from.high_ns && difference >= kLeastLatencyNs;
    };
    if (past(was, is, *row.after - *row.before)) row.verdict = DiffVerdict::regression;
    if (past(is, was, *row.before - *row.after)) row.verdict = DiffVerdict::improvement;
    diff_.rows.push_back(std::move(row));
    return diff_.rows.back().verdict;
}

void Comparison::add_latencies() {
    const auto &before = before_.review.connects(), &after = after_.review.connects();
    std::map<std::string, LatencyHistogram> whole_before, whole_after;
    for (const auto& [key, connect] : before) whole_before[key.first].merge(connect.latency);
    for (const auto& [key, connect] : after) whole_after[key.first].merge(connect.latency);
    for (const auto& [measure, share] : {std::pair<std::string_view, double>("connect_p50", 0.5), {"connect_p99", 0.99}}) {
        std::map<std::string, DiffVerdict> verdicts;
        for (const std::string& process : keys_of(whole_before, whole_after))
            verdicts[process] = add_latency(measure, process, share, value_in(whole_before, process), value_in(whole_after, process));
        for (const ConnectKey& key : keys_of(before, after)) {
            const std::size_t rows = diff_.rows.size();
            const DiffVerdict verdict = add_latency(measure, key.first + " to " + key.second, share, value_in(before, key).latency, value_in(after, key).latency);
            if (diff_.rows.size() > rows && verdict != verdicts[key.first]) diff_.rows.back().verdict = DiffVerdict::same;
        }
    }
}

void Comparison::add_findings() {
    // Process ids differ from run to run: the name stands for them where there is one.
    const auto found = [](const RunReview& review) {
        std::map<std::pair<std::string, std::string>, const Finding*> findings;
        for (const SeenFinding& seen : review.findings()) {
            const Finding& finding = seen.finding;
            const std::string who = finding.owner.comm.empty() ? finding.subject : std::string(finding.owner.comm.view());
            const Finding*& kept = findings[{std::string(finding.rule), who}];
            if (kept == nullptr || finding.severity > kept->severity) kept = &finding;
        }
        return findings;
    };
    const auto before = found(before_.review), after = found(after_.review);
    for (const auto& key : keys_of(before, after)) {
        const Finding *was = value_in(before, key), *is = value_in(after, key);
        DiffRow row{.measure = "finding", .subject = fmt::format("{}: {}", key.first, is != nullptr ? is->title : was->title), .unit = DiffUnit::none, .before = {}, .after = {}, .before_total = {}, .after_total = {}, .note = {}};
        row.note = fmt::format("{} → {}", was != nullptr ? name_of(was->severity) : "none", is != nullptr ? name_of(is->severity) : "none");
        const bool graver = is != nullptr && (was == nullptr || is->severity > was->severity);
        const bool milder = was != nullptr && (is == nullptr || is->severity < was->severity);
        if (graver) row.verdict = DiffVerdict::regression;
        if (milder) row.verdict = DiffVerdict::improvement;
        diff_.rows.push_back(std::move(row));
    }
}

void Comparison::add_openers() {
    const auto &before = before_.review.openers(), &after = after_.review.openers();
    // Only where both runs saw stacks can one be new.
    if (before.empty() || after.empty()) return;
    for (const auto& key : keys_of(before, after))
        add_level("descriptors_open_by_stack", key, static_cast<double>(value_in(before, key)), static_cast<double>(value_in(after, key)), kLeastDescriptors);
}

Comparison::Counts Comparison::time_wait_of(const RunReview& review) {
    Counts counts;
    for (const auto& [key, maker] : review.makers()) {
        if (key == RunReview::kOthers) continue;
        const std::string name = maker.row.comm.empty() ? "unknown" : std::string(maker.row.comm.view());
        counts[{name, maker_place(maker.row)}] += static_cast<double>(maker.entered());
    }
    return counts;
}

Comparison::Counts Comparison::failed_of(const RunReview& review) {
    Counts counts;
    for (const auto& [key, connect] : review.connects())
        if (connect.attempts != 0 && key.first != RunReview::kOthers) counts[{key.first.empty() ? "unknown" : key.first, "to " + key.second}] += static_cast<double>(connect.failed_count());
    return counts;
}

// A run that did not see them all has fewer for that alone.
void Comparison::add_failed() {
    const Snapshot &before = before_.review.last(), &after = after_.review.last();
    if (before.connects_observed != after.connects_observed) {
        diff_.omitted.push_back(fmt::format("connects_failed: the {} run did not observe connects",
                                            before.connects_observed ? "second" : "first"));
    } else if (before.connects_unsent_told != after.connects_unsent_told) {
        diff_.omitted.push_back(fmt::format("connects_failed: the {} run did not observe those that fail before a SYN is sent",
                                            before.connects_unsent_told ? "second" : "first"));
    } else {
        add_counts("connects_failed", failed_of(before_.review), failed_of(after_.review),
                   {before_.review.connects_untold(), after_.review.connects_untold()});
    }
}

RunDiff Comparison::run() && {
    diff_.options = options_;
    add_findings();
    add_counts("time_wait_made", time_wait_of(before_.review), time_wait_of(after_.review),
               {before_.review.time_wait_untold(), after_.review.time_wait_untold()});
    add_failed();
    add_latencies();
    add_groups();
    add_openers();
    std::ranges::stable_sort(diff_.rows, {}, &DiffRow::verdict);
    return std::move(diff_);
}

}  // namespace

std::string_view name_of(DiffVerdict verdict) {
    switch (verdict) {
        case DiffVerdict::regression:
            return "regression";
        case DiffVerdict::uncertain:
            return "uncertain";
        case DiffVerdict::improvement:
            return "improvement";
        case DiffVerdict::same:
            return "same";
    }
    return {};
}

PercentileBounds percentile_bounds(const LatencyHistogram& latency, double share) {
    const double count = static_cast<double>(latency.count());
    const double spread = kDeviations * std::sqrt(count * share * (1 - share));
    const double low = std::floor(count * share - spread), high = std::ceil(count * share + spread);
    PercentileBounds bounds;
    if (low >= 1) bounds.low_ns = *latency.percentile_ns(low / count) * (1 - LatencyHistogram::kMostError);
    if (high <= count && count > 0) bounds.high_ns = *latency.percentile_ns(high / count) * (1 + LatencyHistogram::kMostError);
    return bounds;
}

std::size_t RunDiff::count_of(DiffVerdict verdict) const {
    return static_cast<std::size_t>(std::ranges::count(rows, verdict, &DiffRow::verdict));
}

RunDiff compare_runs(const RunReview& before, const RunReview& after, const DiffOptions& options) {
    return Comparison(before, after, options).run();
}

}  // namespace sockeye
