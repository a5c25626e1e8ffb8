// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/snapshot_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/event_samples.h"

namespace sockeye {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Snapshot& snapshot, SnapshotJson::Layout layout = SnapshotJson::Layout::line,
                    SnapshotJson::Sockets sockets = SnapshotJson::Sockets::left_out) {
    test::CapturedOutput captured;
    SnapshotJson sink(captured.output(), layout, sockets);
    sink.write(snapshot, {});
    return captured.text();
}

std::vector<std::string> keys_of(const Json& object) {
    std::vector<std::string> keys;
    for (const auto& [key, value] : object.items()) keys.push_back(key);
    return keys;
}

using Keys = std::vector<std::string>;

TEST_CASE("a snapshot has the keys that users were promised", "[snapshot_json]") {
    const Json json =
        Json::parse(text_of(test::sample_snapshot(), SnapshotJson::Layout::line, SnapshotJson::Sockets::listed));
    CHECK(keys_of(json) == Keys{"time", "host", "kernel", "source", "blind_to", "limits", "tcp", "netns_unread", "netns_refused",
                                "sockets", "descriptors", "processes", "containers", "destinations", "listeners", "connects",
                                "findings", "lost", "minisocks", "drift", "self"});
    CHECK(keys_of(json["limits"]) == Keys{"files_open", "files_max", "time_wait_max", "port_range", "by_netns"});
    CHECK(json["limits"]["port_range"] == Json{32768, 60999});
    CHECK(keys_of(json["tcp"]["states"]) == Keys{"ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2",
                                                 "TIME_WAIT", "CLOSE", "CLOSE_WAIT", "LAST_ACK", "LISTEN",
                                                 "CLOSING"});
    CHECK(keys_of(json["processes"][0]) ==
          Keys{"pid", "comm", "cgroup", "container", "fds", "tcp", "time_wait_made", "time_wait_closed"});
    CHECK(keys_of(json["processes"][0]["fds"]) == Keys{"open", "peak", "soft_limit", "hard_limit",
                                                              "highest", "by_kind", "by_kind_age_s"});
    CHECK(json["processes"][1]["fds"]["table_of"] == 4100);
    CHECK(keys_of(json["descriptors"]) == Keys{"open", "tables", "by_kind", "by_kind_age_s"});
    CHECK(keys_of(json["destinations"][0]) == Keys{"netns", "laddr", "raddr", "rport", "in_use", "time_wait",
                                                   "ports", "headroom", "rate_per_s", "exhausted_in_s", "failed", "first_failed"});
    CHECK(keys_of(json["listeners"][0]) ==
          Keys{"netns", "laddr", "lport", "pid", "comm", "accept_queue", "accept_queue_max", "overflows"});
    CHECK(keys_of(json["sockets"][0]) == Keys{"socket", "netns", "protocol", "family", "laddr", "lport", "raddr",
                                              "rport", "state", "state_ms", "pid", "comm", "inode",
                                              "receive_queue", "send_queue", "orphan", "holders"});
    CHECK(keys_of(json["sockets"][1]) == Keys{"socket", "netns",   "protocol",  "family",        "laddr",
                                              "lport",  "raddr",   "rport",     "state",         "state_ms",
                                              "pid",    "comm",    "inode",     "receive_queue", "send_queue",
                                              "orphan", "holders", "entered", "closed_by", "closer_pid", "closer_comm"});
    CHECK(keys_of(json["tcp"]["time_wait_ledger"]) == Keys{"existed", "entered", "left", "present"});
    CHECK(keys_of(json["drift"]) == Keys{"sockets", "fds"});
    CHECK(keys_of(json["self"]) == Keys{"cpu_s", "rss_bytes", "bpf_ns_per_event", "events"});
}

TEST_CASE("the connect ledger is null where nothing observes it, and says what it leaves out", "[snapshot_json]") {
    CHECK(Json::parse(text_of({}))["connects"].is_null());
    const Json connects = Json::parse(text_of(test::sample_snapshot()))["connects"];
    CHECK(keys_of(connects) == Keys{"since", "attempts", "established", "failed", "pending", "latency_ms",
                                    "unsent_observed", "may_be_off_by", "by"});
    CHECK(keys_of(connects["latency_ms"]) == Keys{"count", "p50", "p90", "p99", "max"});
    CHECK(keys_of(connects["by"][0]) == Keys{"pid", "comm", "processes", "cgroup", "container", "netns", "raddr",
                                             "rport", "attempts", "established", "failed", "pending", "latency_ms"});
    CHECK(connects["may_be_off_by"] == 12);
    CHECK(connects["by"][2]["comm"] == "~other");
    CHECK(connects["by"][2]["raddr"].is_null());
}

TEST_CASE("sockets that are still requests count as SYN_RECV", "[snapshot_json]") {
    CHECK(Json::parse(text_of(test::sample_snapshot()))["tcp"]["states"]["SYN_RECV"] == 3);
}

TEST_CASE("an empty snapshot says null where nothing is known, and lists nothing", "[snapshot_json]") {
    const Json json = Json::parse(text_of({}, SnapshotJson::Layout::line, SnapshotJson::Sockets::listed));
    CHECK(json["host"].is_null());
    CHECK(json["limits"]["files_max"].is_null());
    CHECK(json["limits"]["port_range"].is_null());
    CHECK(json["sockets"] == Json::array());
    CHECK(json["descriptors"]["open"].is_null());
    CHECK(json["processes"] == Json::array());
    CHECK(json["lost"] == Json::object());
}

TEST_CASE("descriptors that were not counted are null, not zero", "[snapshot_json]") {
    Snapshot snapshot;
    snapshot.processes.resize(2);
    snapshot.processes[1].fds.open = 0;
    const Json json = Json::parse(text_of(snapshot));
    CHECK(json["processes"][0]["fds"]["open"].is_null());
    CHECK(json["processes"][0]["fds"]["by_kind"].is_null());
    CHECK(json["processes"][1]["fds"]["open"] == 0);
    CHECK(json["processes"][1]["fds"]["by_kind"] == Json::object());
}

TEST_CASE("the length of a queue that could not be read is null", "[snapshot_json]") {
    Snapshot snapshot;
    snapshot.sockets.resize(1);
    snapshot.sockets[0].receive_queue = QUEUE_UNKNOWN;
    const Json row = Json::parse(text_of(snapshot, SnapshotJson::Layout::line, SnapshotJson::Sockets::listed))["sockets"][0];
    CHECK(row["receive_queue"].is_null());
    CHECK(row["send_queue"] == 0);
}

TEST_CASE("without --sockets there is no list of them", "[snapshot_json]") {
    CHECK_FALSE(Json::parse(text_of(test::sample_snapshot())).contains("sockets"));
}

TEST_CASE("holders are grouped by process, and null where nobody knows", "[snapshot_json]") {
    Snapshot snapshot;
    snapshot.sockets.resize(3);
    snapshot.sockets[0].holders_known = true;
    snapshot.sockets[0].first_holder = 1;
    snapshot.sockets[0].holders = 3;
    snapshot.sockets[1].holders_known = true;
    snapshot.holders = {{.pid = 1, .comm = Comm("init"), .fd = 3},
                        {.pid = 20, .comm = Comm("mas\"ter"), .fd = 6},
                        {.pid = 21, .comm = Comm(), .fd = 7},
                        {.pid = 21, .comm = Comm(), .fd = 9}};
    const Json json = Json::parse(text_of(snapshot, SnapshotJson::Layout::line, SnapshotJson::Sockets::listed));
    CHECK(json["sockets"][0]["holders"] ==
          Json::parse(R"([{"pid":20,"comm":"mas\"ter","fds":[6]},{"pid":21,"comm":null,"fds":[7,9]}])"));
    CHECK(json["sockets"][1]["holders"] == Json::array());
    CHECK(json["sockets"][2]["holders"].is_null());
}

TEST_CASE("both layouts hold the same", "[snapshot_json]") {
    const std::string line =
        text_of(test::sample_snapshot(), SnapshotJson::Layout::line, SnapshotJson::Sockets::listed);
    const std::string indented =
        text_of(test::sample_snapshot(), SnapshotJson::Layout::indented, SnapshotJson::Sockets::listed);
    CHECK(line.find('\n') == line.size() - 1);
    CHECK(Json::parse(line) == Json::parse(indented));
}

}  // namespace
}  // namespace sockeye
