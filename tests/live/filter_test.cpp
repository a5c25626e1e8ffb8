// SPDX-License-Identifier: GPL-2.0-only
// A filtered trace is exactly the part of an unfiltered one that the filter describes. One unfiltered and
// several filtered traces watch the same load at the same time.
#include <arpa/inet.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <span>

#include "sockeye/event.h"
#include "support/child.h"
#include "support/churn.h"
#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"
#include "support/tcp_acts.h"

using namespace live;

namespace {

struct FilteredTrace {
    std::string name;
    std::vector<std::string> arguments;
    std::function<bool(const Json&)> wanted;
    std::unique_ptr<Trace> trace;
};

// What two tracers must agree on: all but our own ids, and times. A state of an accepted socket may be seen
// just before the accept by one and just after it by the other: it has a different owner then.
std::string essence(const Json& event) {
    Json copy = event;
    for (const char* name : {"time", "ktime_ns", "socket", "listener", "state_ms", "latency_ms"}) copy.erase(name);
    if (is(event, "tcp_state") && field(event, "comm").is_string() &&
        !field(event, "comm").get<std::string>().starts_with("churn-client-"))
        for (const char* name : {"pid", "tid", "comm"}) copy.erase(name);
    return copy.dump();
}

// What only a sweep tells comes at a time of the tracer's own.
bool told_by_sweep(const Json& event) {
    return is(event, "tcp_state") &&
           (field(event, "old_state") == "TIME_WAIT" || field(event, "inferred") == true);
}

std::vector<std::string> essences(const Events& events) {
    std::vector<std::string> lines;
    for (const Json& event : events)
        if (!told_by_sweep(event) && !is(event, "lost")) lines.push_back(essence(event));
    std::ranges::sort(lines);
    return lines;
}

// The first few lines of one list that the other lacks.
std::string lacking(const std::vector<std::string>& all, const std::vector<std::string>& some) {
    std::vector<std::string> rest;
    std::ranges::set_difference(all, some, std::back_inserter(rest));
    std::string text = rest.empty() ? "" : std::to_string(rest.size()) + " lines, as:\n";
    for (std::size_t index = 0; index < std::min<std::size_t>(rest.size(), 4); index++) text += rest[index] + "\n";
    return text;
}

// What a trace says of the connection of the first line that it lacks, inferred or not: where to look for the reason.
std::string told_of_first(const std::vector<std::string>& all, const std::vector<std::string>& some,
                          const Events& shown) {
    std::vector<std::string> rest;
    std::ranges::set_difference(all, some, std::back_inserter(rest));
    if (rest.empty()) return "";
    Json lacked = Json::parse(rest.front());
    std::string text = "told of it: ";
    for (const Json& event : shown)
        if (field(event, "lport") == field(lacked, "lport") && field(event, "rport") == field(lacked, "rport"))
            text += event.dump() + "\n";
    return text;
}

bool has_port(const Json& event, const char* name, unsigned low, unsigned high) {
    Json value = field(event, name);
    return value.is_number() && value.get<unsigned>() >= low && value.get<unsigned>() <= high;
}

bool in_127_0_0_2_31(const Json& event, const char* name) {
    Json value = field(event, name);
    in_addr address{};
    return value.is_string() && inet_pton(AF_INET, value.get<std::string>().c_str(), &address) == 1 &&
           (ntohl(address.s_addr) & 0xfffffffeU) == 0x7f000002U;
}

bool is_family(const Json& event, const char* family) { return field(event, "family") == family; }

// State changes that a trace says it lost, TIME_WAIT's among them.
std::uint64_t lost_states(const Events& events) {
    std::uint64_t sum = 0;
    for (const Json& event : of_kind(events, "lost"))
        for (const auto& [loss_class, count] : event.at("count").items())
            if (loss_class == "tcp_state" || loss_class.starts_with("skipped:tcp_state") ||
                loss_class.starts_with("skipped:time_wait"))
                sum += count.get<std::uint64_t>();
    return sum;
}

std::vector<FilteredTrace> filters_and_what_they_want() {
    std::vector<FilteredTrace> filters;
    auto add = [&](std::string name, std::vector<std::string> arguments, std::function<bool(const Json&)> wanted) {
        filters.push_back({std::move(name), std::move(arguments), std::move(wanted), nullptr});
    };
    add("-n", {"-n", "churn-client-[01]"}, [](const Json& event) {
        return field(event, "comm") == "churn-client-0" || field(event, "comm") == "churn-client-1";
    });
    add("-4", {"-4"}, [](const Json& event) { return is_family(event, "ipv4"); });
    add("-6", {"-6"}, [](const Json& event) { return is_family(event, "ipv6"); });
    add("-x", {"-x"}, [](const Json& event) { return !field(event, "error").is_null(); });
    add("--state", {"--state", "SYN_SENT,TIME_WAIT"}, [](const Json& event) {
        auto one = [&](const char* name) {
            return field(event, name) == "SYN_SENT" || field(event, name) == "TIME_WAIT";
        };
        return is(event, "tcp_state") && (one("old_state") || one("new_state"));
    });
    add("-a mapped IPv4 prefix", {"-a", "127.0.0.2/31"},
        [](const Json& event) { return in_127_0_0_2_31(event, "laddr") || in_127_0_0_2_31(event, "raddr"); });
    add("-e", {}, [](const Json& event) { return is(event, "accept"); });
    add("-P", {"-P", "32768-45000"}, [](const Json& event) {
        return has_port(event, "lport", 32768, 45000) || has_port(event, "rport", 32768, 45000);
    });
    add("-L", {"-L", "32768-45000"}, [](const Json& event) { return has_port(event, "lport", 32768, 45000); });
    add("--netns", {"--netns", std::to_string(netns_of(getpid()))}, [](const Json&) { return true; });
    add("-D", {"-D", "32768-45000"}, [](const Json& event) { return has_port(event, "rport", 32768, 45000); });

    return filters;
}

// One load, watched by some of them. False: the unfiltered trace says that it lost something, so it is no measure.
bool compared_with_whole_trace(std::span<FilteredTrace> filters, unsigned connections) {
    const std::vector<std::string> kinds{"-e", "connect,accept,tcp_state", "--ring-size", "4M"};
    for (FilteredTrace& filter : filters) {
        std::vector<std::string> own = filter.name == "-e"
                                           ? std::vector<std::string>{"-e", "accept", "--ring-size", "4M"}
                                           : kinds + filter.arguments;
        filter.trace = std::make_unique<Trace>(own, Ready::later);
    }
    for (FilteredTrace& filter : filters) filter.trace->wait_ready();
    // Last of all: while a tracer fills its maps and is preempted, the kernel skips everybody's classic tracepoints on
    // that CPU, and those who listen already count that as lost.
    Trace whole(kinds);
    ChurnRun run = run_churn({"--connections", std::to_string(connections), "--families", "4,6,mapped",
                              "--close", "mix", "--refused", "15", "--nonblocking", "20"});
    settle(run);
    for (FilteredTrace& filter : filters) filter.trace->interrupt();
    Events all = whole.stop();
    if (lost_count(all) != 0) return false;
    Events events = events_of(run, all);
    REQUIRE(joined_differences(run, events) == "");
    for (FilteredTrace& filter : filters) {
        Events shown = filter.trace->stop();
        // Only the load's own sockets: other traffic may begin or end between two tracers' starts and ends.
        Events mine = events_of_same_load(run, shown);
        std::vector<std::string> got = essences(mine), wanted = essences(select(events, filter.wanted));
        INFO("filter " << filter.name << ", shown " << got.size() << ", wanted " << wanted.size()
                       << "; summary: " << filter.trace->summary());
        INFO(told_of_first(wanted, got, shown));
        CHECK(!wanted.empty());
        if (const std::uint64_t lost = lost_states(shown); lost == 0) {
            CHECK("missing: " + lacking(wanted, got) == "missing: ");
            CHECK("too much: " + lacking(got, wanted) == "too much: ");
        } else {
            // Several tracers at once: one may be too busy for a change, and says so; what follows it is told otherwise.
            CHECK(got.size() + lost >= wanted.size());
            CHECK(got.size() <= wanted.size() + lost);
        }
        // And nothing else of the host passes.
        for (const Json& event : shown)
            if (!is(event, "lost") && !filter.wanted(event)) FAIL_CHECK("passed the filter: " << event.dump());
    }
    return true;
}

}  // namespace

TEST_CASE("each filter shows exactly its part of what an unfiltered trace shows", "[slow][filter]") {
    // The kernel skips a kprobe while another is being handled on that CPU: the more tracers and the longer the load,
    // the less likely is a trace that lost nothing.
    constexpr std::size_t kAtOnce = 3;
    std::vector<FilteredTrace> filters = filters_and_what_they_want();
    for (std::span<FilteredTrace> rest = filters; !rest.empty();) {
        std::span<FilteredTrace> some = rest.first(std::min(kAtOnce, rest.size()));
        bool compared = false;
        const auto end = std::chrono::steady_clock::now() + 2 * patience();
        for (unsigned attempt = 0; !compared && std::chrono::steady_clock::now() < end; attempt++)
            compared = compared_with_whole_trace(some, std::max(scaled(800, 200) >> std::min(attempt, 8U), 40U));
        INFO("filters from " << some.front().name);
        REQUIRE(compared);
        tell_step("filters from " + some.front().name);
        rest = rest.subspan(some.size());
    }
}

TEST_CASE("a filter by pid shows all events of that process and no others", "[filter]") {
    const unsigned count = scaled(300, 60);
    Child server("pid-server", [](Child::Side& side) {
        int listener = listen_on(64);
        side.say(std::to_string(port_of(listener)));
        for (;;) {
            int fd = load::check(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept4");
            read_to_end(fd);
            close(fd);
        }
    });
    auto port = static_cast<std::uint16_t>(std::stoul(server.hear()));
    Child client("pid-client", [&](Child::Side& side) {
        side.wait_go();
        for (unsigned index = 0; index < count; index++) {
            int fd = load::check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
            if (connect_error(fd, loopback(port)) != 0) load::die("connect");
            shutdown(fd, SHUT_WR);
            read_to_end(fd);  // the server has closed, too
            close(fd);
        }
        side.say("done");
        side.wait_go();
    });
    const std::vector<std::string> kinds{"-e", "connect,accept,tcp_state", "--ring-size", "4M"};
    // Narrowed, too: what others do at the same time must not make it lose events.
    Trace whole(kinds + std::vector<std::string>{"-P", std::to_string(port)}, Ready::later);
    Trace of_client(kinds + std::vector<std::string>{"-p", std::to_string(client.pid())}, Ready::later);
    Trace of_server(kinds + std::vector<std::string>{"-p", std::to_string(server.pid())}, Ready::later);
    for (Trace* trace : {&whole, &of_client, &of_server}) trace->wait_ready();
    client.go();
    CHECK(client.hear() == "done");
    CHECK(settles([&](const std::vector<DiagSocket>& sockets) {  // the last acknowledgement may come later
        return std::ranges::none_of(sockets, [&](const DiagSocket& socket) {
            return (socket.rport == port || socket.lport == port) && socket.state != WIRE_TCP_TIME_WAIT &&
                   socket.state != WIRE_TCP_LISTEN;
        });
    }));
    for (Trace* trace : {&whole, &of_client, &of_server}) trace->interrupt();
    Events all = whole.stop();
    struct Part {
        pid_t pid;
        Events events;
    };
    for (const Part& part : {Part{client.pid(), of_client.stop()}, Part{server.pid(), of_server.stop()}}) {
        std::vector<std::string> got = essences(part.events), wanted = essences(of_pid(all, part.pid));
        INFO("pid " << part.pid << " of client " << client.pid() << " and server " << server.pid());
        CHECK(wanted.size() >= 5 * count);
        CHECK("missing: " + lacking(wanted, got) == "missing: ");
        CHECK("too much: " + lacking(got, wanted) == "too much: ");
    }
    client.go();
    CHECK(client.finish() == 0);
}
