// SPDX-License-Identifier: GPL-2.0-only
// The books of a run, and assertions measured on them: built events in, outcomes out.
#include "verdict/run_ledger.h"

#include <catch2/catch.hpp>
#include <cerrno>

#include "support/event_samples.h"

using namespace sockeye;
using test::kSecond;

namespace {

constexpr std::uint32_t kApp = 100, kShell = 99;

Event connect(std::uint32_t pid, std::string_view comm, std::int32_t error, std::string_view to = "10.0.0.2",
              std::int64_t latency_ns = 1'000'000, std::uint16_t port = 80) {
    Event event = test::make_socket_event(EventKind::connect, kSecond, pid, comm, 7,
                                          test::tcp_tuple("10.0.0.1", 40000, to, port));
    event.detail = SocketCall{.fd = 3, .error = error, .latency_ns = latency_ns};
    return event;
}

Event time_wait(std::uint32_t pid, std::string_view comm, std::uint64_t id = 7) {
    return test::make_tcp_state(kSecond, pid, comm, id, test::tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80),
                                WIRE_TCP_FIN_WAIT2, WIRE_TCP_TIME_WAIT, 0);
}

Event change(std::uint32_t pid, std::string_view comm, std::uint64_t id, wire_tcp_state from, wire_tcp_state to) {
    return test::make_tcp_state(kSecond, pid, comm, id, test::tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80), from,
                                to, 0);
}

Event exit_of(std::uint32_t pid, std::string_view comm, std::uint32_t fds) {
    Event event = test::make_event(EventKind::exit, 2 * kSecond, pid, comm);
    event.detail = ProcessExit{.fds = fds};
    return event;
}

Event exec_of(std::uint32_t pid, std::string_view comm) {
    Event event = test::make_event(EventKind::exec, kSecond, pid, comm);
    event.detail = ProcessExec{.filename = "/bin/x"};
    return event;
}

ProcessRow process(std::uint32_t pid, std::string_view comm, std::uint32_t fds) {
    ProcessRow row;
    row.pid = pid;
    row.comm = Comm(comm);
    row.fds.open = fds;
    return row;
}

Snapshot tick(std::uint64_t second, std::vector<ProcessRow> processes = {}) {
    Snapshot snapshot;
    snapshot.ktime_ns = second * kSecond;
    snapshot.interval_ns = (second - 1) * kSecond;
    snapshot.processes = std::move(processes);
    return snapshot;
}

struct Book {
    explicit Book(std::vector<std::string> texts = {}) : ledger(parsed(texts)) { ledger.look(tick(1), {}); }

    static std::vector<Assertion> parsed(const std::vector<std::string>& texts) {
        std::vector<Assertion> assertions;
        for (const std::string& text : texts) {
            const Result<Assertion> assertion = parse_assertion(text);
            REQUIRE(assertion.ok());
            assertions.push_back(*assertion);
        }
        return assertions;
    }

    RunOutcome close(double seconds = 10, std::map<std::string, std::uint64_t> lost = {}) {
        RunOutcome outcome;
        outcome.command = {"app"};
        outcome.seconds = seconds;
        outcome.last.lost = std::move(lost);
        outcome.unobserved = unobserved;
        ledger.close(outcome);
        return outcome;
    }

    RunLedger ledger;
    FeatureSet unobserved;
};

// The outcomes of these assertions after ten connects of app, three of them refused, and as many TIME_WAITs.
AssertionResult after_ten_connects(const std::string& text, std::map<std::string, std::uint64_t> lost = {}) {
    Book book({text});
    for (int nth = 0; nth < 10; ++nth) {
        book.ledger.write(connect(kApp, "app", nth < 3 ? ECONNREFUSED : 0, nth < 5 ? "10.0.0.2" : "10.0.0.3",
                                  (nth + 1) * 1'000'000));
        book.ledger.write(time_wait(kApp, "app"));
    }
    return book.close(10, std::move(lost)).assertions.front();
}

AssertionOutcome outcome_after(const std::string& text, std::map<std::string, std::uint64_t> lost = {}) {
    const AssertionResult result = after_ten_connects(text, std::move(lost));
    INFO(text << ": " << result.reason);
    return result.outcome;
}

}  // namespace

TEST_CASE("what a process did is counted, and stays when it has ended", "[run_ledger]") {
    Book book;
    book.ledger.write(exec_of(kApp, "app"));
    book.ledger.write(connect(kApp, "app", 0));
    book.ledger.write(connect(kApp, "app", ECONNREFUSED));
    book.ledger.write(exit_of(kApp, "app", 5));
    book.ledger.write(time_wait(kApp, "app"));
    const RunOutcome outcome = book.close();
    REQUIRE(outcome.processes.size() == 1);
    const TreeProcess& app = outcome.processes.front();
    CHECK(app.pid == kApp);
    CHECK_FALSE(app.alive);
    CHECK(app.connects == 2);
    CHECK(app.connects_failed == 1);
    CHECK(app.time_wait_made == 1);
    CHECK(app.fds == 5U);
    CHECK(outcome.totals.failed_by_errno == std::map<std::int32_t, std::uint64_t>{{ECONNREFUSED, 1}});
    CHECK(outcome.totals.processes == 1);
}

TEST_CASE("a process id that is given away again is another process", "[run_ledger]") {
    Book book;
    book.ledger.write(connect(kApp, "first", 0));
    book.ledger.write(exit_of(kApp, "first", 3));
    book.ledger.write(exec_of(kApp, "second"));
    book.ledger.write(exit_of(kApp, "second", 4));
    const RunOutcome outcome = book.close();
    REQUIRE(outcome.processes.size() == 2);
    CHECK(outcome.processes[0].comm.view() == "first");
    CHECK(outcome.processes[0].connects == 1);
    CHECK(outcome.processes[1].fds == 4U);
}

TEST_CASE("of very many processes those that ended share a row for each name, and nothing is lost of the sum",
          "[run_ledger]") {
    Book book({"connects.count == 6000", "fds.open{comm=worker} == 7"});
    for (std::uint32_t pid = 1; pid <= 6000; ++pid) {
        Event event = connect(pid, "worker", 0);
        event.ktime_ns = pid * kSecond;
        book.ledger.write(event);
        event = exit_of(pid, "worker", 7);
        event.ktime_ns = pid * kSecond;
        book.ledger.write(event);
    }
    const RunOutcome outcome = book.close();
    std::uint64_t processes = 0, connects = 0;
    for (const TreeProcess& row : outcome.processes) {
        processes += row.processes;
        connects += row.connects;
    }
    CHECK(outcome.processes.size() <= RunLedger::kMostProcesses);
    CHECK(processes == 6000);
    CHECK(connects == 6000);
    CHECK(outcome.totals.processes == 6000);
    CHECK(outcome.assertions_failed() == 0);
}

TEST_CASE("connections that still close are known until they are TIME_WAIT or gone", "[run_ledger]") {
    Book book;
    book.ledger.write(change(kApp, "app", 1, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1));
    book.ledger.write(change(kApp, "app", 2, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1));
    book.ledger.write(change(kApp, "app", 1, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2));
    CHECK(book.ledger.closing() == 2);
    book.ledger.write(time_wait(kApp, "app", 1));
    book.ledger.write(change(kApp, "app", 2, WIRE_TCP_FIN_WAIT1, WIRE_TCP_CLOSE));
    CHECK(book.ledger.closing() == 0);
}

TEST_CASE("what a process holds in CLOSE_WAIT it still holds after an exec", "[run_ledger]") {
    Book book({"close_wait.count{comm=after} == 1"});
    book.ledger.look(tick(1, {process(kApp, "before", 3)}), {});
    book.ledger.write(change(kApp, "before", 7, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT));
    book.ledger.write(exec_of(kApp, "after"));
    book.ledger.write(exit_of(kApp, "after", 5));
    CHECK(book.close().assertions.front().outcome == AssertionOutcome::passed);
}

TEST_CASE("CLOSE_WAIT of a process that ended is what it held then", "[run_ledger]") {
    Book book({"close_wait.count{comm=app} == 1"});
    book.ledger.write(change(kApp, "app", 1, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT));
    book.ledger.write(change(kApp, "app", 2, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT));
    book.ledger.write(change(kApp, "app", 1, WIRE_TCP_CLOSE_WAIT, WIRE_TCP_LAST_ACK));
    book.ledger.write(exit_of(kApp, "app", 5));
    // The kernel closes what is left.
    book.ledger.write(change(kApp, "app", 2, WIRE_TCP_CLOSE_WAIT, WIRE_TCP_LAST_ACK));
    CHECK(book.close().assertions.front().outcome == AssertionOutcome::passed);
}

TEST_CASE("counts and rates are those of the whole run", "[run_ledger]") {
    CHECK(outcome_after("connects.count == 10") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.rate == 1/s") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.established == 7") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.failed == 0") == AssertionOutcome::failed);
    CHECK(outcome_after("connects.failed{error=ECONN*} == 3") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.failed{error!=ECONNREFUSED} == 0") == AssertionOutcome::passed);
    CHECK(outcome_after("timewait.count <= 10") == AssertionOutcome::passed);
    CHECK(outcome_after("timewait.rate{comm=app} < 1") == AssertionOutcome::failed);
    CHECK(outcome_after("connects.pending == 0") == AssertionOutcome::passed);
}

TEST_CASE("labels choose connections by their ends", "[run_ledger]") {
    CHECK(outcome_after("connects.count{raddr=10.0.0.2} == 5") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.count{raddr!=10.0.0.2,rport=80} == 5") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.count{rport=81-90} == 0") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.count{lport=40000,comm=a*} == 10") == AssertionOutcome::passed);
    CHECK(outcome_after("connects.count{pid=100} == 10") == AssertionOutcome::passed);
}

TEST_CASE("percentiles are of those that were established, the longest exactly", "[run_ledger]") {
    CHECK(outcome_after("connects.max_ms == 10") == AssertionOutcome::passed);
    CHECK(after_ten_connects("connects.p50_ms < 100").value.value() == Approx(7).epsilon(0.016));
    CHECK(outcome_after("connects.p99_ms{raddr=10.0.0.9} < 100") == AssertionOutcome::unknown);
}

TEST_CASE("an assertion about nobody never passes", "[run_ledger]") {
    const AssertionResult result = after_ten_connects("timewait.rate{comm=ap} < 50");
    CHECK(result.outcome == AssertionOutcome::unknown);
    CHECK_FALSE(result.value.has_value());
    CHECK(result.reason == "no such process was seen; there were app");
    CHECK(outcome_after("fds.open{comm=none} < 5") == AssertionOutcome::unknown);
    CHECK(outcome_after("fds.slope <= 0") == AssertionOutcome::unknown);
}

TEST_CASE("what lost events could change is undecided, what they could not is decided", "[run_ledger]") {
    CHECK(outcome_after("connects.count < 12", {{"tcp_state", 5}}) == AssertionOutcome::undecided);
    CHECK(outcome_after("connects.count < 16", {{"tcp_state", 5}}) == AssertionOutcome::passed);
    CHECK(outcome_after("connects.count < 10", {{"tcp_state", 5}}) == AssertionOutcome::failed);
    CHECK(outcome_after("connects.count == 12", {{"tcp_state", 5}}) == AssertionOutcome::undecided);
    CHECK(outcome_after("connects.count == 16", {{"tcp_state", 5}}) == AssertionOutcome::failed);
    CHECK(outcome_after("connects.count < 12", {{"fd_open", 5}}) == AssertionOutcome::passed);
    CHECK(outcome_after("timewait.count < 12", {{"skipped:time_wait_enter_btf", 5}}) ==
          AssertionOutcome::undecided);
    CHECK(outcome_after("connects.p99_ms < 100", {{"connect", 1}}) == AssertionOutcome::undecided);
    CHECK(outcome_after("connects.max_ms < 5", {{"connect", 1}}) == AssertionOutcome::failed);
    CHECK(outcome_after("lost == 5", {{"tcp_state", 5}}) == AssertionOutcome::passed);
    CHECK(outcome_after("lost{class=fd_*} == 0", {{"tcp_state", 5}}) == AssertionOutcome::passed);
    CHECK(after_ten_connects("connects.count < 12", {{"tcp_state", 5}}).up_to == 15);
    const auto peak = [](std::map<std::string, std::uint64_t> lost) {
        Book book({"fds.peak < 1000"});
        book.ledger.look(tick(2, {process(kApp, "app", 10)}), {});
        book.ledger.write(exit_of(kApp, "app", 10));
        return book.close(10, std::move(lost)).assertions[0].outcome;
    };
    CHECK(peak({}) == AssertionOutcome::passed);
    CHECK(peak({{"fd_open", 5000}}) == AssertionOutcome::undecided);
    CHECK(peak({{"skipped:fd_syscall_exit_raw", 3}}) == AssertionOutcome::undecided);
}

TEST_CASE("a lost fork may hide any number of events", "[run_ledger]") {
    for (const char* lost : {"fork", "skipped:process_fork_classic", "map:filter_tgids"}) {
        CHECK(outcome_after("connects.count < 100", {{lost, 1}}) == AssertionOutcome::undecided);
        CHECK(outcome_after("connects.count < 10", {{lost, 1}}) == AssertionOutcome::failed);
        CHECK(outcome_after("connects.pending == 0", {{lost, 1}}) == AssertionOutcome::undecided);
    }
    CHECK(outcome_after("connects.count < 100", {{"fork", 0}}) == AssertionOutcome::passed);
}

TEST_CASE("an end that was only concluded decides nothing", "[run_ledger]") {
    const auto outcome_of = [](const char* text, std::int32_t error, std::int64_t latency_ns) {
        Book book({text});
        book.ledger.write(connect(kApp, "app", 0));
        Event concluded = connect(kApp, "app", error, "10.0.0.2", latency_ns);
        concluded.inferred = true;
        book.ledger.write(concluded);
        return book.close().assertions.front();
    };
    // Nobody saw it end: it may have failed, with another errno, or not.
    CHECK(outcome_of("connects.failed == 0", ECANCELED, -1).outcome == AssertionOutcome::undecided);
    CHECK(outcome_of("connects.failed == 0", ECANCELED, -1).reason == "the end of 1 connect was not seen");
    CHECK(outcome_of("connects.failed <= 1", ECANCELED, -1).outcome == AssertionOutcome::passed);
    CHECK(outcome_of("connects.failed{error=ECONNREFUSED} == 0", ECANCELED, -1).outcome == AssertionOutcome::undecided);
    CHECK(outcome_of("connects.established >= 2", ECANCELED, -1).outcome == AssertionOutcome::undecided);
    CHECK(outcome_of("connects.established >= 3", ECANCELED, -1).outcome == AssertionOutcome::failed);
    CHECK(outcome_of("connects.count == 2", ECANCELED, -1).outcome == AssertionOutcome::passed);
    CHECK(outcome_of("connects.max_ms < 100", ECANCELED, -1).outcome == AssertionOutcome::undecided);
    // It was established, and nobody knows when.
    CHECK(outcome_of("connects.established == 2", 0, -1).outcome == AssertionOutcome::passed);
    CHECK(outcome_of("connects.max_ms < 100", 0, -1).outcome == AssertionOutcome::undecided);
    CHECK(outcome_of("connects.max_ms < 0.5", 0, -1).outcome == AssertionOutcome::failed);
}

TEST_CASE("what this kernel does not show is not known", "[run_ledger]") {
    Book book({"accepts.count == 0", "timewait.count == 0"});
    book.unobserved = Feature::accept_calls;
    book.ledger.write(exec_of(kApp, "app"));
    const RunOutcome outcome = book.close();
    CHECK(outcome.assertions[0].outcome == AssertionOutcome::unknown);
    CHECK(outcome.assertions[1].outcome == AssertionOutcome::passed);
}

TEST_CASE("the slope is that of steady growth, and of the process that grows fastest", "[run_ledger]") {
    Book book({"fds.slope{comm=leaky} <= 0", "fds.slope{comm=leaky} < 3/s", "fds.slope{comm=still} <= 0",
               "fds.slope > 1"});
    for (std::uint32_t second = 1; second <= 12; ++second)
        book.ledger.look(tick(second + 1, {process(kApp, "leaky", 10 + 2 * second), process(kShell, "still", 4)}),
                         {});
    // It ends; its slope is remembered.
    book.ledger.write(exit_of(kApp, "leaky", 40));
    book.ledger.look(tick(14, {process(kShell, "still", 4)}), {});
    const RunOutcome outcome = book.close();
    CHECK(outcome.assertions[0].outcome == AssertionOutcome::failed);
    CHECK(outcome.assertions[0].value.value() == Approx(2));
    CHECK(outcome.assertions[1].outcome == AssertionOutcome::passed);
    CHECK(outcome.assertions[2].outcome == AssertionOutcome::passed);
    CHECK(outcome.assertions[3].outcome == AssertionOutcome::passed);
}

TEST_CASE("a finding is kept when its cause has ended, as it was when it was gravest", "[run_ledger]") {
    Book book({"findings == 1", "findings{severity=critical} == 1", "findings{rule=close_wait_held} == 0"});
    Finding finding;
    finding.rule = "fd_leak";
    finding.subject = "100";
    finding.severity = Severity::critical;
    finding.title = "in 17 s";
    book.ledger.look(tick(3), {&finding, 1});
    finding.severity = Severity::warning;
    finding.title = "later";
    book.ledger.look(tick(5), {&finding, 1});
    book.ledger.look(tick(6), {});
    const RunOutcome outcome = book.close();
    REQUIRE(outcome.findings.size() == 1);
    CHECK(outcome.findings[0].finding.title == "in 17 s");
    CHECK(outcome.findings[0].first_s == 2);
    CHECK(outcome.findings[0].last_s == 4);
    CHECK(outcome.has_grave_finding());
    CHECK(outcome.assertions_failed() == 0);
    CHECK(outcome.verdict_code() == 3);
}

TEST_CASE("a forecast from a moment's rate does not count; what has come to pass does", "[run_ledger]") {
    Finding flood;
    flood.rule = "time_wait_flood";
    flood.subject = "app";
    flood.severity = Severity::critical;
    flood.evidence = {{"overflows", std::uint64_t{0}}};
    Book early({"findings == 0"});
    early.ledger.look(tick(2), {&flood, 1});
    const RunOutcome lowered = early.close();
    CHECK_FALSE(lowered.has_grave_finding());
    CHECK(lowered.assertions[0].outcome == AssertionOutcome::passed);
    CHECK(lowered.findings[0].lowered == "it is a forecast from 1.0s only");

    Book late;
    late.ledger.look(tick(5), {&flood, 1});
    CHECK(late.close().has_grave_finding());

    flood.evidence = {{"overflows", std::uint64_t{3}}};
    Book true_now;
    true_now.ledger.look(tick(2), {&flood, 1});
    CHECK(true_now.close().has_grave_finding());
}

TEST_CASE("ports that run out toward a destination of others are not the run's", "[run_ledger]") {
    Finding ports;
    ports.rule = "port_exhaustion";
    ports.subject = "x";
    ports.severity = Severity::critical;
    ports.evidence = {{"netns", std::uint64_t{test::kHostNetns}},
                      {"raddr", std::string("10.0.0.2")},
                      {"rport", std::uint64_t{80}}};
    Book others;
    others.ledger.look(tick(9), {&ports, 1});
    CHECK(others.close().findings.empty());
    Book ours;
    ours.ledger.write(connect(kApp, "app", 0));
    ours.ledger.look(tick(9), {&ports, 1});
    CHECK(ours.close().findings.size() == 1);
}

TEST_CASE("the exit code is the command's own unless there is a finding or a failed assertion", "[run_ledger]") {
    RunOutcome outcome;
    outcome.exit_code = 7;
    CHECK(outcome.verdict_code() == 7);
    outcome.end = RunEnd::command_killed;
    outcome.signal = 9;
    CHECK(outcome.verdict_code() == 137);
    outcome.end = RunEnd::time_over;
    CHECK(outcome.verdict_code() == 0);
    outcome.assertions.push_back({});
    CHECK(outcome.verdict_code() == 3);
}

TEST_CASE("a late event of a process that is known no more does not let it live on", "[run_ledger]") {
    Book book;
    book.ledger.write(time_wait(kApp, "app"));
    book.ledger.look(tick(2), {});
    book.ledger.look(tick(3), {});
    const RunOutcome outcome = book.close();
    REQUIRE(outcome.processes.size() == 1);
    CHECK_FALSE(outcome.processes[0].alive);
    CHECK(outcome.processes[0].time_wait_made == 1);
}
