// SPDX-License-Identifier: GPL-2.0-only
// Loss is data: a ring buffer that is far too small loses events, every one of them is counted, and the
// next snapshot is the kernel's again.
#include <catch2/catch.hpp>
#include <csignal>

#include "support/child.h"
#include "support/churn.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"
#include "support/tcp_acts.h"

using namespace live;

namespace {

// `lost` events, summed by class.
std::map<std::string, std::uint64_t> lost_by_class(const Events& events) {
    std::map<std::string, std::uint64_t> sums;
    for (const Json& event : of_kind(events, "lost"))
        for (const auto& [loss_class, count] : event.at("count").items())
            sums[loss_class] += count.get<std::uint64_t>();
    return sums;
}

// In a namespace of its own: when told to, makes so many connections and says the kernel's counts by state; when told
// again, makes one more for each go.
void connect_when_told(Child::Side& side, unsigned connections) {
    load::enter_new_netns();
    load::raise_fd_limit();
    int listener = listen_on(8);
    side.say("ready");
    side.wait_go();
    for (unsigned index = 0; index < connections; index++) connect_and_accept(listener);
    for (;;) {
        side.say(Json(tcp_state_counts(tcp_sockets())).dump());
        side.wait_go();
        connect_and_accept(listener);
    }
}

}  // namespace

TEST_CASE("received and lost events of a stopped tracer add up to what the load did", "[slow][loss]") {
    // One that loses nothing tells what else this host did meanwhile.
    Trace whole({"-e", "tcp_state,lost", "--ring-size", "16M"}, Ready::later);
    Trace trace({"-e", "tcp_state,lost", "--ring-size", "64K"});
    whole.wait_ready();
    // A stopped reader is the surest way to a full ring buffer.
    trace.process().signal(SIGSTOP);
    ChurnRun run = run_churn({"--connections", std::to_string(scaled(4000, 1000)), "--close", "rst"});
    trace.process().signal(SIGCONT);
    whole.interrupt();
    Events all = trace.stop();
    Events reference = of_kind(whole.stop(), "tcp_state");
    INFO("summary: " << trace.summary() << "\nwithout loss: " << whole.summary());
    std::uint64_t received = of_kind(all, "tcp_state").size();
    std::map<std::string, std::uint64_t> lost = lost_by_class(all);
    CHECK(lost["tcp_state"] > 0);
    CHECK(trace.summary().find("lost") != std::string::npos);
    // Client: SYN_SENT, ESTABLISHED, CLOSE. Server: SYN_RECV, ESTABLISHED, CLOSE. Listeners: LISTEN, CLOSE.
    std::uint64_t made = 6 * run.totals["connects"].get<std::uint64_t>() + 2 * 3;
    std::uint64_t foreign = reference.size() - events_of_ports(run, reference).size();
    INFO("received " << received << " (" << foreign << " foreign), lost " << lost["tcp_state"] << ", made "
                     << made);
    // Connections whose server's end may never have been born.
    std::uint64_t unborn = run.totals["unaccepted"].get<std::uint64_t>();
    CHECK(received + lost["tcp_state"] + 3 * unborn >= made);
    // Other traffic of the host may have been lost, too; on a quiet host the sum is exact.
    // Where programs are preempted the second-chance program may try to write what the first has written (or
    // lost) already: a repetition that is lost, too, is counted, and cannot be told from another loss.
    if (foreign == 0) CHECK(received + lost["tcp_state"] <= made + made / 200);
}

TEST_CASE("after a loss the next snapshot equals the kernel's tables", "[loss]") {
    const unsigned connections = 600;
    Child child("many-connections", [&](Child::Side& side) { connect_when_told(side, connections); });
    child.hear();
    std::string path = scratch_folder() + "/lossy";
    SockeyeProcess recorder(std::vector<std::string>{"record", path, "--force", "-e", "tcp_state,connect,accept",
                                                     "--ring-size", "64K"} +
                            hooks_arguments());
    REQUIRE(recorder.wait_ready());
    recorder.signal(SIGSTOP);
    child.go();
    std::map<std::string, unsigned> kernel = Json::parse(child.hear()).get<std::map<std::string, unsigned>>();
    REQUIRE(kernel["ESTABLISHED"] == 2 * connections);
    recorder.signal(SIGCONT);
    // The end of a recording is a tick, and a tick after a loss reads the tables again.
    recorder.signal(SIGINT);
    REQUIRE(recorder.wait_exit() == 0);
    Finished shown = run_sockeye({"replay", path, "--view", "snapshot", "--json"});
    REQUIRE(shown.exit_code == 0);
    Json snapshot = Json::parse(shown.out);
    INFO("summary: " << recorder.err());
    CHECK(snapshot["lost"].contains("tcp_state"));
    std::string netns = std::to_string(netns_of(child.pid()));
    REQUIRE(snapshot["tcp"]["by_netns"].contains(netns));
    CHECK(snapshot["tcp"]["by_netns"][netns].get<std::map<std::string, unsigned>>() == kernel);
    CHECK(snapshot["drift"]["sockets"].get<unsigned>() > 0);
}

TEST_CASE("SIGUSR1 reads the tables again while events keep flowing, and says what it corrected", "[loss]") {
    const unsigned connections = 300;
    Child child("unheard-connections", [&](Child::Side& side) { connect_when_told(side, connections); });
    child.hear();
    std::string netns = std::to_string(netns_of(child.pid()));
    // No interval comes by itself: what is corrected is corrected on request.
    SockeyeProcess top(std::vector<std::string>{"top", "--batch", "--json", "--interval", "1h", "--ring-size", "64K"} +
                       hooks_arguments());
    REQUIRE(top.wait_ready());
    top.signal(SIGSTOP);
    child.go();
    auto kernel = Json::parse(child.hear()).get<std::map<std::string, unsigned>>();
    REQUIRE(kernel["ESTABLISHED"] == 2 * connections);
    top.signal(SIGUSR1);
    top.signal(SIGCONT);
    bool frame = top.wait_for_line([&](const std::string& line) {
        Json snapshot = Json::parse(line, nullptr, false);
        return snapshot.is_object() && snapshot["tcp"]["by_netns"].contains(netns) &&
               snapshot["tcp"]["by_netns"][netns].get<std::map<std::string, unsigned>>() == kernel &&
               !snapshot["lost"].empty() && snapshot["drift"]["sockets"].get<unsigned>() > 0;
    });
    INFO("stdout: " << top.out() << "\nstderr: " << top.err());
    CHECK(frame);
    // It goes on: the next connection is heard of, and asking again corrects nothing and counts nothing twice.
    child.go();
    kernel = Json::parse(child.hear()).get<std::map<std::string, unsigned>>();
    top.signal(SIGUSR1);
    CHECK(top.wait_for_line([&](const std::string& line) {
        Json snapshot = Json::parse(line, nullptr, false);
        return snapshot.is_object() &&
               snapshot["tcp"]["by_netns"][netns].get<std::map<std::string, unsigned>>() == kernel;
    }));
    top.signal(SIGINT);
    CHECK(top.wait_exit() == 0);
    std::string said = top.err();
    std::size_t first = said.find("sockeye: resynchronised with ");
    REQUIRE(first != std::string::npos);
    std::size_t second = said.find("sockeye: resynchronised with ", first + 1);
    REQUIRE(second != std::string::npos);
    CHECK(said.find(" 0 processes in ", first) == std::string::npos);
    CHECK(said.find("corrected: 0 sockets", first) > second);
    CHECK(said.find("corrected: 0 sockets", second) != std::string::npos);
}
