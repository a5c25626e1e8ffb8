// SPDX-License-Identifier: GPL-2.0-only
// What is measured, and how far it can be believed: with n lost events a count lies between what was seen and n
// more, and a percentile anywhere.
#include "verdict/assertion_meter.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <limits>
#include <span>

#include "base/format.h"
#include "base/utf8.h"

namespace sockeye {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool glob_matches(const std::string& glob, std::string_view text) {
    return fnmatch(glob.c_str(), std::string(text).c_str(), 0) == 0;
}

const socket_tuple& tuple_of(const Event& event) { return event.socket.tuple; }

// Classes that follow the processes: what one of these hides is all that a child of the tree does.
constexpr std::string_view kFollowing[] = {"fork", "process_fork", "map:filter_tgids"};

std::string_view class_of(std::string_view loss_class) {
    constexpr std::string_view kSkipped = "skipped:";
    return loss_class.starts_with(kSkipped) ? loss_class.substr(kSkipped.size()) : loss_class;
}

bool is_of(std::string_view loss_class, std::span<const std::string_view> words) {
    const std::string_view name = class_of(loss_class);
    return std::ranges::any_of(words, [name](std::string_view word) { return name.starts_with(word); });
}

bool is_latency(Metric metric) {
    return metric == Metric::connects_p50 || metric == Metric::connects_p90 || metric == Metric::connects_p99 ||
           metric == Metric::connects_max;
}

bool asks_how_it_ended(Metric metric) {
    return metric == Metric::connects_failed || metric == Metric::connects_established || is_latency(metric);
}

// Nobody told how it ended.
bool is_guess(const Event& event) {
    return event.inferred && is_tcp_outcome(event) && std::get<SocketCall>(event.detail).error == ECANCELED;
}

// Classes of loss by which a metric may be too small: those that begin with one of these words, or do behind
// "skipped:". What follows the processes or says what a record is concerns all.
std::vector<std::string_view> loss_classes(Metric metric) {
    std::vector<std::string_view> classes(std::begin(kFollowing), std::end(kFollowing));
    classes.insert(classes.end(), {"socket_syscall", "malformed", "unknown_kind"});
    const auto add = [&classes](std::initializer_list<std::string_view> more) {
        classes.insert(classes.end(), more);
    };
    switch (metric) {
        case Metric::fds_open:
        case Metric::fds_peak:
        case Metric::close_wait_count:
            add({"exit", "process_exit"});
            break;
        case Metric::accepts_count:
        case Metric::accepts_rate:
            add({"tcp_state", "accept"});
            break;
        case Metric::timewait_count:
        case Metric::timewait_rate:
            add({"tcp_state", "time_wait", "accept"});
            break;
        default:
            add({"tcp_state", "connect"});
            break;
    }
    if (metric == Metric::close_wait_count) add({"tcp_state", "accept"});
    // The number that is open is counted anew at each look; the most at once between two of them is told by events.
    if (metric == Metric::fds_peak) add({"fd_"});
    return classes;
}

}  // namespace

bool is_tcp_outcome(const Event& event) {
    if (event.kind != EventKind::connect || tuple_of(event).protocol != 6) return false;
    const auto* call = std::get_if<SocketCall>(&event.detail);
    // Calls that were no attempt of their own.
    return call != nullptr && call->error != EISCONN && call->error != EALREADY;
}

bool AssertionMeter::matches_process(std::uint32_t pid, std::string_view comm) const {
    return std::ranges::all_of(assertion_.labels, [&](const LabelMatch& label) {
        if (label.key == LabelKey::comm) return glob_matches(label.text, comm) != label.negated;
        if (label.key == LabelKey::pid) return (label.text == std::to_string(pid)) != label.negated;
        return true;
    });
}

bool AssertionMeter::matches(const Event& event) const {
    const auto* call = std::get_if<SocketCall>(&event.detail);
    return matches_process(event.owner.pid, event.owner.comm.view()) && matches_ends(tuple_of(event)) &&
           std::ranges::all_of(assertion_.labels, [&](const LabelMatch& label) {
               if (label.key != LabelKey::error) return true;
               return call != nullptr && glob_matches(label.text, errno_name(call->error)) != label.negated;
           });
}

bool AssertionMeter::matches(const ConnectRow& row) const {
    return matches_process(row.pid, row.comm.view()) && matches_ends(row.remote);
}

bool AssertionMeter::matches_ends(const socket_tuple& tuple) const {
    return std::ranges::all_of(assertion_.labels, [&](const LabelMatch& label) {
        const auto in_ports = [&label](std::uint16_t port) {
            return std::ranges::any_of(label.ports,
                                       [port](PortRange r) { return r.low <= port && port <= r.high; });
        };
        switch (label.key) {
            case LabelKey::rport:
                return in_ports(tuple.rport) != label.negated;
            case LabelKey::lport:
                return in_ports(tuple.lport) != label.negated;
            case LabelKey::raddr:
                return contains(label.prefix, tuple.raddr, tuple.family) != label.negated;
            default:
                return true;
        }
    });
}

bool AssertionMeter::is_counted(const Event& event) const {
    const auto* call = std::get_if<SocketCall>(&event.detail);
    const auto* change = std::get_if<TcpStateChange>(&event.detail);
    switch (assertion_.metric) {
        case Metric::connects_count:
        case Metric::connects_rate:
            return is_tcp_outcome(event);
        case Metric::connects_failed:
            return is_tcp_outcome(event) && call->error != 0;
        case Metric::connects_established:
        case Metric::connects_p50:
        case Metric::connects_p90:
        case Metric::connects_p99:
        case Metric::connects_max:
            return is_tcp_outcome(event) && call->error == 0;
        case Metric::accepts_count:
        case Metric::accepts_rate:
            return event.kind == EventKind::accept && tuple_of(event).protocol == 6 && call->error == 0;
        case Metric::timewait_count:
        case Metric::timewait_rate:
            return event.kind == EventKind::tcp_state && change->new_state == WIRE_TCP_TIME_WAIT;
        default:
            return false;
    }
}

// If that guess is wrong.
bool AssertionMeter::could_count(const Event& event) const {
    return asks_how_it_ended(assertion_.metric) && matches_process(event.owner.pid, event.owner.comm.view()) && matches_ends(tuple_of(event));
}

void AssertionMeter::take(const Event& event) {
    if (!is_counted(event) || !matches(event)) {
        if (is_guess(event) && could_count(event)) ++guesses_else_;
        return;
    }
    ++count_;
    if (assertion_.metric == Metric::connects_failed && is_guess(event)) ++guesses_counted_;
    const auto* call = std::get_if<SocketCall>(&event.detail);
    if (call != nullptr && call->latency_ns >= 0) latencies_.add(static_cast<std::uint64_t>(call->latency_ns));
}

std::string AssertionMeter::nobody(const RunFacts& facts) const {
    // Names come and go by exec: one that was borne at any time counts.
    for (const TreeProcess& process : facts.processes) {
        if (matches_process(process.pid, process.comm.view())) return {};
        for (const std::string& name : facts.names) {
            if (matches_process(process.pid, name)) return {};
        }
    }
    std::vector<std::string> names;
    for (const std::string& name : facts.names) {
        if (names.size() < 8) names.push_back(printable(name));
    }
    return names.empty() ? "no process was seen"
                         : fmt::format("no such process was seen; there were {}", fmt::join(names, ", "));
}

std::uint64_t AssertionMeter::lost_of_its_kind(const RunFacts& facts) const {
    std::uint64_t sum = 0;
    const std::vector<std::string_view> classes = loss_classes(assertion_.metric);
    for (const auto& [loss_class, count] : facts.lost) {
        if (is_of(loss_class, classes)) sum += count;
    }
    return sum;
}

// Nobody knows how long those took whose end was concluded.
std::uint64_t AssertionMeter::ends_unseen() const {
    const std::uint64_t untimed = is_latency(assertion_.metric) ? count_ - latencies_.count() : 0;
    return guesses_counted_ + guesses_else_ + untimed;
}

bool AssertionMeter::has_lost_processes(const RunFacts& facts) {
    return std::ranges::any_of(facts.lost, [](const auto& lost) { return lost.second != 0 && is_of(lost.first, kFollowing); });
}

AssertionMeter::Measured AssertionMeter::counted(const RunFacts& facts) const {
    if (std::string why = nobody(facts); !why.empty()) return {.value = {}, .why = std::move(why)};
    const double lost = has_lost_processes(facts) ? kInfinity : static_cast<double>(lost_of_its_kind(facts));
    double scale = 1;
    if (row_of(assertion_.metric).unit == MetricUnit::per_second) {
        if (facts.seconds <= 0) return {.value = {}, .why = "the run took no time"};
        scale = 1 / facts.seconds;
    }
    const double value = static_cast<double>(count_ - guesses_counted_) * scale;
    const double high = static_cast<double>(count_ + guesses_else_) * scale;
    return {.value = value, .low = value, .high = high + lost * scale, .why = {}};
}

AssertionMeter::Measured AssertionMeter::percentile(const RunFacts& facts) const {
    if (std::string why = nobody(facts); !why.empty()) return {.value = {}, .why = std::move(why)};
    std::optional<double> value;
    if (assertion_.metric == Metric::connects_p50) value = latencies_.percentile_ns(0.5);
    if (assertion_.metric == Metric::connects_p90) value = latencies_.percentile_ns(0.9);
    if (assertion_.metric == Metric::connects_p99) value = latencies_.percentile_ns(0.99);
    if (assertion_.metric == Metric::connects_max && latencies_.most_ns().has_value())
        value = static_cast<double>(*latencies_.most_ns());
    if (value.has_value()) *value /= 1e6;
    if (!value.has_value()) return {.value = {}, .why = "no such connection was established"};
    if (lost_of_its_kind(facts) == 0 && ends_unseen() == 0) return {.value = value, .low = *value, .high = *value, .why = {}};
    const bool longest = assertion_.metric == Metric::connects_max;
    return {.value = value, .low = longest ? *value : 0, .high = kInfinity, .why = {}};
}

AssertionMeter::Measured AssertionMeter::pending(const RunFacts& facts) const {
    if (std::string why = nobody(facts); !why.empty()) return {.value = {}, .why = std::move(why)};
    double value = 0;
    for (const ConnectRow& row : facts.connects) {
        if (matches(row)) value += static_cast<double>(row.pending);
    }
    // A lost record may have begun one or ended one.
    const double lost = has_lost_processes(facts) ? kInfinity : static_cast<double>(lost_of_its_kind(facts));
    return {.value = value, .low = std::max(0.0, value - lost), .high = value + lost, .why = {}};
}

AssertionMeter::Measured AssertionMeter::of_processes(const RunFacts& facts) const {
    std::optional<double> value;
    for (const TreeProcess& process : facts.processes) {
        if (!matches_process(process.pid, process.comm.view())) continue;
        if (assertion_.metric == Metric::close_wait_count) {
            value = value.value_or(0) + static_cast<double>(process.close_wait);
        } else {
            const std::optional<std::uint32_t>& fds =
                assertion_.metric == Metric::fds_peak ? process.fds_peak : process.fds;
            if (fds.has_value()) value = std::max(value.value_or(0), static_cast<double>(*fds));
        }
    }
    if (!value.has_value()) {
        std::string why = nobody(facts);
        return {.value = {}, .why = why.empty() ? "it could not be read" : std::move(why)};
    }
    const std::uint64_t lost = lost_of_its_kind(facts);
    return {.value = value, .low = *value, .high = lost == 0 ? *value : kInfinity, .why = {}};
}

AssertionMeter::Measured AssertionMeter::slope(const RunFacts& facts) const {
    std::optional<double> value;
    std::uint64_t known = 0, brief = 0;
    for (const TreeProcess& process : facts.processes) {
        if (!matches_process(process.pid, process.comm.view())) continue;
        if (process.growth.shape == Shape::unknown) {
            brief += process.processes;
            continue;
        }
        ++known;
        // What swings, levels off or came in steps does not grow without end.
        const double per_s = process.growth.shape == Shape::steady ? process.growth.per_s : 0;
        value = std::max(value.value_or(per_s), per_s);
    }
    if (!value.has_value()) {
        std::string why = nobody(facts);
        return {.value = {},
                .why = why.empty() ? "too short a time to tell: a slope takes six looks and 4.5 s (--interval)"
                                   : std::move(why)};
    }
    std::string remark;
    if (brief != 0) remark = fmt::format("of {} processes, {} more ran too briefly", known, brief);
    return {.value = value, .low = *value, .high = *value, .why = std::move(remark)};
}

AssertionMeter::Measured AssertionMeter::found(const RunFacts& facts) const {
    const auto count = std::ranges::count_if(facts.findings, [&](const RunFinding& found) {
        return found.lowered.empty() && std::ranges::all_of(assertion_.labels, [&](const LabelMatch& label) {
            const std::string_view word =
                label.key == LabelKey::rule ? found.finding.rule : name_of(found.finding.severity);
            return (word == label.text) != label.negated;
        });
    });
    const auto value = static_cast<double>(count);
    return {.value = value, .low = value, .high = value, .why = {}};
}

AssertionMeter::Measured AssertionMeter::lost(const RunFacts& facts) const {
    double sum = 0;
    for (const auto& [loss_class, count] : facts.lost) {
        const bool matches = std::ranges::all_of(assertion_.labels, [&](const LabelMatch& label) {
            return glob_matches(label.text, loss_class) != label.negated;
        });
        if (matches) sum += static_cast<double>(count);
    }
    return {.value = sum, .low = sum, .high = sum, .why = {}};
}

AssertionMeter::Measured AssertionMeter::measure(const RunFacts& facts) const {
    if ((facts.unobserved.bits() & features_of(assertion_).bits()) != 0)
        return {.value = {}, .why = "this kernel or these privileges don't show it: see `sockeye doctor`"};
    switch (assertion_.metric) {
        case Metric::connects_p50:
        case Metric::connects_p90:
        case Metric::connects_p99:
        case Metric::connects_max:
            return percentile(facts);
        case Metric::connects_pending:
            return pending(facts);
        case Metric::close_wait_count:
        case Metric::fds_open:
        case Metric::fds_peak:
            return of_processes(facts);
        case Metric::fds_slope:
            return slope(facts);
        case Metric::findings:
            return found(facts);
        case Metric::lost:
            return lost(facts);
        default:
            return counted(facts);
    }
}

AssertionResult AssertionMeter::result(const RunFacts& facts) const {
    const Measured measured = measure(facts);
    AssertionResult result{
        .assertion = assertion_, .value = measured.value, .down_to = {}, .up_to = {}, .reason = measured.why};
    if (!measured.value.has_value()) return result;
    if (measured.high > *measured.value) result.up_to = measured.high;
    if (measured.low < *measured.value) result.down_to = measured.low;
    const auto at = [&](double value) { return holds(assertion_.comparison, value, assertion_.limit); };
    const bool by_order =
        assertion_.comparison != Comparison::equal && assertion_.comparison != Comparison::unequal;
    const bool within = measured.low <= assertion_.limit && assertion_.limit <= measured.high;
    const bool decided =
        measured.low == measured.high || (by_order ? at(measured.low) == at(measured.high) : !within);
    if (decided) {
        result.outcome = at(measured.low) ? AssertionOutcome::passed : AssertionOutcome::failed;
    } else {
        result.outcome = AssertionOutcome::undecided;
        const std::uint64_t lost = lost_of_its_kind(facts), unseen = ends_unseen();
        if (unseen != 0) result.reason = fmt::format("the end of {} connect{} was not seen", unseen, unseen == 1 ? "" : "s");
        if (lost != 0)
            result.reason += fmt::format("{}{} events that may belong to it were lost", unseen != 0 ? ", and " : "", lost);
    }
    return result;
}

}  // namespace sockeye
