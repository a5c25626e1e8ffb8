// SPDX-License-Identifier: GPL-2.0-only
#include "support/churn.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "sockeye/event.h"
#include "support/environment.h"
#include "support/proc_tables.h"
#include "support/sock_diag.h"

namespace live {
namespace {

std::string text_of(const std::array<std::uint8_t, 16>& address, bool ipv4) {
    char text[INET6_ADDRSTRLEN];
    inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? address.data() + 12 : address.data(), text, sizeof text);
    return text;
}

std::string number(const Json& value) { return value.is_null() ? "null" : value.dump(); }
std::string word(const Json& value) { return value.is_string() ? value.get<std::string>() : number(value); }

void describe(const std::map<std::string, int>& balance, std::vector<std::string>& sentences) {
    std::size_t missing = 0, extra = 0;
    for (const auto& [line, count] : balance) {
        if (count > 0 && ++missing <= 5) sentences.push_back("missing: " + line);
        if (count < 0 && ++extra <= 5) sentences.push_back("not in the log: " + line);
    }
    if (missing > 5) sentences.push_back("… " + std::to_string(missing) + " missing in all");
    if (extra > 5) sentences.push_back("… " + std::to_string(extra) + " not in the log in all");
}

// The load's listening and closed ports.
std::set<std::uint16_t> ports_of(const ChurnRun& run) {
    std::set<std::uint16_t> ports;
    for (const load::ChurnRecord& record : run.log)
        ports.insert(record.role == load::Role::client ? record.remote_port : record.local_port);
    return ports;
}

}  // namespace

bool is_end_of_listening(const Json& event, std::set<Json>& ended) {
    return is(event, "accept") && field(event, "error") == "EINVAL" && ended.insert(field(event, "tid")).second;
}

std::string attempt_line(const load::ChurnRecord& record) {
    bool client = record.role == load::Role::client;
    std::string line = client ? "connect" : "accept";
    line += " pid " + std::to_string(record.pid) + " tid " + std::to_string(record.tid) + " comm " +
            (client ? "churn-client-" : "churn-server-") + std::to_string(record.worker) + " fd " +
            std::to_string(record.fd);
    // The local end of a failed connect is gone when the load could ask for it.
    if (record.error == 0)
        line += " " + text_of(record.local_address, record.ipv4) + ":" + std::to_string(record.local_port);
    line += " > " + text_of(record.remote_address, record.ipv4) + ":" + std::to_string(record.remote_port);
    line += record.ipv4 ? " ipv4" : " ipv6";
    line += std::string(" error ") + (record.error == 0 ? "null" : strerrorname_np(record.error));
    return line;
}

std::string attempt_line(const Json& event) {
    std::string line = event.at("event").get<std::string>() + " pid " + number(field(event, "pid")) + " tid " +
                       number(field(event, "tid")) + " comm " + word(field(event, "comm")) + " fd " +
                       number(field(event, "fd"));
    if (field(event, "error").is_null())
        line += " " + word(field(event, "laddr")) + ":" + number(field(event, "lport"));
    line += " > " + word(field(event, "raddr")) + ":" + number(field(event, "rport"));
    line += " " + word(field(event, "family")) + " error " + word(field(event, "error"));
    return line;
}

void settle(const ChurnRun& run) {
    std::set<std::uint16_t> ports = ports_of(run);
    bool settled = settles([&](const std::vector<DiagSocket>& sockets) {
        return std::ranges::none_of(sockets, [&](const DiagSocket& socket) {
            return socket.state != WIRE_TCP_TIME_WAIT &&
                   (ports.contains(socket.lport) || ports.contains(socket.rport));
        });
    });
    CHECK(settled);
}

ChurnRun run_churn(std::vector<std::string> arguments) {
    static int runs = 0;
    ChurnRun run;
    std::string log = scratch_folder() + "/churn-" + std::to_string(++runs);
    Finished finished =
        run_program("connection_churn", std::move(arguments) + std::vector<std::string>{"--log", log});
    INFO("connection_churn: " << finished.out << finished.err);
    REQUIRE(finished.exit_code == 0);
    run.totals = Json::parse(finished.out);
    run.log = load::read_churn_log(log);
    ::remove(log.c_str());
    REQUIRE(run.log.size() == run.totals["connects"].get<std::size_t>() +
                                  run.totals["refused"].get<std::size_t>() +
                                  run.totals["accepts"].get<std::size_t>());
    // A handshake may fail at its last step (see connection_churn), but hardly ever does.
    REQUIRE(run.totals["unaccepted"].get<std::size_t>() <= 1 + run.totals["connects"].get<std::size_t>() / 1000);
    return run;
}

Events events_of_ports(const ChurnRun& run, const Events& events) {
    std::set<std::uint16_t> ports = ports_of(run);
    auto touches = [&](const Json& event, const char* port) {
        Json value = field(event, port);
        return value.is_number() && ports.contains(value.get<std::uint16_t>());
    };
    return select(events, [&](const Json& event) { return touches(event, "lport") || touches(event, "rport"); });
}

Events events_of(const ChurnRun& run, const Events& events) {
    std::set<std::uint32_t> pids;
    for (const load::ChurnRecord& record : run.log) pids.insert(record.pid);
    // The namespace: where the load's own processes connected.
    Json netns;
    for (const Json& event : events)
        if (is(event, "connect") && field(event, "pid").is_number() &&
            pids.contains(event["pid"].get<std::uint32_t>()))
            netns = field(event, "netns");
    return select(events_of_ports(run, events), [&](const Json& event) { return field(event, "netns") == netns; });
}

Events events_of_same_load(const ChurnRun& run, const Events& events) {
    std::uint64_t netns = netns_of(getpid());
    return select(events_of_ports(run, events), [&](const Json& event) { return field(event, "netns") == netns; });
}

std::vector<std::string> differences(const ChurnRun& run, const Events& events) {
    std::map<std::string, int> balance;
    for (const load::ChurnRecord& record : run.log) balance[attempt_line(record)]++;
    std::set<Json> ended;
    for (const Json& event : events) {
        if (is_end_of_listening(event, ended)) continue;
        if (is(event, "connect") || is(event, "accept")) balance[attempt_line(event)]--;
    }
    std::vector<std::string> sentences;
    describe(balance, sentences);
    return sentences;
}

std::string joined_differences(const ChurnRun& run, const Events& events) {
    std::string text;
    for (const std::string& sentence : differences(run, events)) text += sentence + "\n";
    return text;
}

std::vector<std::string> owner_differences(const ChurnRun& run, const Events& events, bool lost) {
    std::set<std::uint32_t> servers;
    for (const load::ChurnRecord& record : run.log)
        if (record.role == load::Role::server) servers.insert(record.pid);
    // socket id → the pid of its connect event, or of its accept event
    std::map<std::uint64_t, std::uint32_t> connected, accepted;
    for (const Json& event : events) {
        if (!field(event, "pid").is_number() || !field(event, "socket").is_number()) continue;
        if (is(event, "connect")) connected[event["socket"]] = event["pid"];
        if (is(event, "accept")) accepted[event["socket"]] = event["pid"];
    }
    std::vector<std::string> sentences;
    auto wrong = [&](const std::string& what, const Json& event) {
        if (sentences.size() < 8) sentences.push_back(what + ": " + event.dump());
    };
    std::set<std::uint64_t> met, late;
    std::set<std::pair<Json, Json>> ends;  // of connections told so far, from both sides
    Json listener_owner;                   // the one process that called listen(): every unaccepted child's owner
    for (const Json& event : events) {
        if (is(event, "connect") || is(event, "accept")) {
            ends.emplace(field(event, "lport"), field(event, "rport"));
            ends.emplace(field(event, "rport"), field(event, "lport"));
        }
        if (!is(event, "tcp_state")) continue;
        if (field(event, "socket").is_null()) {
            wrong("no socket id", event);
            continue;
        }
        std::uint64_t socket = event["socket"];
        const bool first = met.insert(socket).second;
        // What waited before the load came, for an earlier one that had the same port: it expires, or the load's
        // own connect reuses it. One of the load itself waits after its connection was told.
        if (first && event["old_state"] == "TIME_WAIT" &&
            !ends.contains({field(event, "lport"), field(event, "rport")}))
            continue;
        // Its birth is among what was told as lost: it is a socket of its own from when the table showed it.
        if (lost && first && event["new_state"] == "TIME_WAIT" && field(event, "inferred") == true &&
            ends.contains({field(event, "lport"), field(event, "rport")})) {
            late.insert(socket);
        }
        if (late.contains(socket)) continue;
        Json pid = field(event, "pid");
        if (event["new_state"] == "LISTEN") listener_owner = pid;
        if (connected.contains(socket)) {
            if (pid != connected[socket]) wrong("not its connector", event);
        } else if (accepted.contains(socket)) {
            if (pid != accepted[socket] && pid != listener_owner)
                wrong("neither its acceptor nor its listener", event);
        } else if (event["new_state"] != "LISTEN" && event["old_state"] != "LISTEN") {
            wrong("a socket that nobody connected or accepted", event);
        }
    }
    return sentences;
}

}  // namespace live
