// SPDX-License-Identifier: GPL-2.0-only
// Who holds a socket by which descriptors, as snapshots list it.
#include "aggregate/holders.h"

#include <catch2/catch.hpp>

#include "support/model_run.h"

using namespace sockeye;
using namespace sockeye::test;

namespace {

const socket_tuple kListening = tcp_tuple("0.0.0.0", 80);
const socket_tuple kServer = tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000);

std::string held_by(const Snapshot& snapshot, std::size_t at) {
    const SocketRow& row = snapshot.sockets.at(at);
    if (!row.holders_known) return "unknown";
    std::string text;
    for (std::uint32_t i = 0; i < row.holders; ++i) {
        const SocketHolder& holder = snapshot.holders.at(row.first_holder + i);
        text += std::string(holder.comm.view()) + "/" + std::to_string(holder.pid) + ":" + std::to_string(holder.fd) + " ";
    }
    return text;
}

// A listener that the master holds once and the worker twice, and a connection that nobody holds yet.
void read_tables(ModelRun& run) {
    run.records.after(kSecond).in_softirq().sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    run.records.existing_process(21, "worker", 200);
    run.records.existing_process(20, "master", 100);
    run.records.sweep(SWEEP_PROCESSES, SWEEP_END).header.ktime_ns += 1;
    run.records.sweep(SWEEP_TCP, SWEEP_BEGIN);
    run.records.existing_socket(1, kListening, WIRE_TCP_LISTEN, 777);
    run.records.existing_socket(2, kServer, WIRE_TCP_ESTABLISHED, 778);
    run.records.after(1000).sweep(SWEEP_TCP, SWEEP_END);
    run.records.sweep(SWEEP_FDS, SWEEP_BEGIN);
    run.records.existing_fd(21, 9, FD_KIND_socket, 1);
    run.records.existing_fd(21, 7, FD_KIND_socket, 1);
    run.records.existing_fd(20, 6, FD_KIND_socket, 1);
    run.records.existing_fd(20, 8, FD_KIND_file);
}

}  // namespace

TEST_CASE("all holders of a socket are listed, the oldest process first", "[holders]") {
    ModelRun run;
    read_tables(run);
    run.records.after(1000).sweep(SWEEP_FDS, SWEEP_END);
    run.records.tick(TICK_READY);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(held_by(snapshot, 0) == "master/20:6 worker/21:7 worker/21:9 ");
    CHECK(held_by(snapshot, 1).empty());
    CHECK(snapshot.sockets[0].owner.pid == 20);
}

TEST_CASE("holders are unknown while descriptors were not read whole", "[holders]") {
    ModelRun run;
    read_tables(run);
    run.records.after(1000).sweep(SWEEP_FDS, SWEEP_FAILED);
    run.records.tick(TICK_READY);
    run.apply();
    CHECK(held_by(run.snapshot({.sockets = true}), 0) == "unknown");
}

TEST_CASE("a socket that changed after descriptors were read has unknown holders", "[holders]") {
    ModelRun run;
    read_tables(run);
    run.records.after(1000).sweep(SWEEP_FDS, SWEEP_END);
    run.records.tick(TICK_READY);
    run.records.after(kSecond).tcp_state(2, kServer, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
    run.apply();
    const Snapshot snapshot = run.snapshot({.sockets = true});
    CHECK(held_by(snapshot, 0) == "master/20:6 worker/21:7 worker/21:9 ");
    CHECK(held_by(snapshot, 1) == "unknown");
}
