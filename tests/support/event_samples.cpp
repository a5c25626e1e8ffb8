// SPDX-License-Identifier: GPL-2.0-only
#include "support/event_samples.h"

#include <cerrno>

namespace sockeye::test {

namespace {

const std::vector<std::string> kAdvice = {"keep connections to 10.0.0.1 open: each new one leaves a TIME_WAIT",
                                          "or let the client close first"};

}  // namespace

std::vector<Event> sample_events() {
    const socket_tuple listener = tcp_tuple("0.0.0.0", 80);
    const socket_tuple server = tcp_tuple("10.0.0.2", 80, "10.0.0.1", 40000);
    const socket_tuple client = tcp_tuple("10.0.0.1", 40000, "10.0.0.2", 80);
    const socket_tuple early = tcp_tuple("", 0, "10.0.0.2", 80);
    const socket_tuple v6 = tcp_tuple("2001:db8::1:2", 50123, "2001:db8:0:1::8", 443);
    const socket_tuple dns = udp_tuple("", 0, "192.168.100.253", 53);

    std::vector<Event> events;
    std::uint64_t now = 5 * kSecond;
    const auto add = [&](Event event) -> Event& {
        now += 1'234'567;
        event.ktime_ns = now;
        return events.emplace_back(std::move(event));
    };

    add(make_event(EventKind::exec, 0, 900, "nginx")).detail = ProcessExec{"/usr/sbin/nginx"};
    add(make_socket_event(EventKind::socket, 0, 900, "nginx", 1, tcp_tuple("", 0))).detail = SocketCall{.fd = 6};
    add(make_socket_event(EventKind::bind, 0, 900, "nginx", 1, listener)).detail = SocketCall{.fd = 6};
    add(make_socket_event(EventKind::listen, 0, 900, "nginx", 1, listener)).detail =
        SocketCall{.fd = 6, .backlog = 511};
    add(make_tcp_state(0, 900, "nginx", 1, listener, WIRE_TCP_CLOSE, WIRE_TCP_LISTEN, -1));
    add(make_tcp_state(0, 4242, "curl", 2, early, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT, -1));
    add(make_tcp_state(0, 4242, "curl", 2, client, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED, 45'678));
    add(make_socket_event(EventKind::connect, 0, 4242, "curl", 2, client)).detail =
        SocketCall{.fd = 5, .latency_ns = 45'678};
    add(make_tcp_state(0, 900, "nginx", 3, server, WIRE_TCP_SYN_RECV, WIRE_TCP_ESTABLISHED, 12'345));
    Event& accepted = add(make_socket_event(EventKind::accept, 0, 901, "nginx", 3, server));
    accepted.detail = SocketCall{.fd = 12, .listener = 1};
    accepted.ns_pid = 7;
    Event& opened = add(make_socket_event(EventKind::fd_open, 0, 901, "nginx", 3, server));
    opened.detail = FdChange{.fd = 12, .fd_kind = FD_KIND_socket, .via = FD_VIA_accept};
    add(make_event(EventKind::fd_open, 0, 901, "nginx")).detail =
        FdChange{.fd = 13, .fd_kind = FD_KIND_file, .via = FD_VIA_open};
    Event& noticed = add(make_event(EventKind::fd_close, 0, 901, "nginx"));
    noticed.detail = FdChange{.fd = 13, .fd_kind = FD_KIND_file, .via = FD_VIA_unknown};
    noticed.inferred = true;
    add(make_tcp_state(0, 901, "nginx", 3, server, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1, 12'345'678));
    Event& waits = add(make_tcp_state(0, 901, "nginx", 3, server, WIRE_TCP_FIN_WAIT2, WIRE_TCP_TIME_WAIT, 1'000));
    waits.inferred = true;
    Event& left = add(make_tcp_state(0, 901, "nginx", 3, server, WIRE_TCP_TIME_WAIT, WIRE_TCP_CLOSE,
                                     60'012'345'678, TimeWaitReason::expired));
    std::get<TcpStateChange>(left.detail).closed_by = ClosedBy::both;
    std::get<TcpStateChange>(left.detail).closer = {.pid = 905, .tid = 0, .comm = Comm("nginx-child")};
    add(make_socket_event(EventKind::socket_close, 0, 4242, "curl", 2, client)).detail = SocketCall{.fd = 5};
    add(make_socket_event(EventKind::connect, 0, 4243, "curl", 4, tcp_tuple("127.0.0.1", 40002, "127.0.0.1", 81)))
        .detail = SocketCall{.fd = 5, .error = ECONNREFUSED, .latency_ns = 98'765};
    add(make_tcp_state(0, 4244, "a-long-name-15b", 5, v6, WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT,
                       3'600'000'000'000));
    add(make_tcp_state(0, 0, "", 6, client, WIRE_TCP_LAST_ACK, WIRE_TCP_CLOSE, -1));
    add(make_socket_event(EventKind::connect, 0, 4245, "Socket Thread", 7, dns)).detail = SocketCall{.fd = 31};
    add(make_socket_event(EventKind::socket, 0, 4246, "\x1b[31m\"x\"\xff", 8, unix_tuple())).detail =
        SocketCall{.fd = 3};
    add(make_event(EventKind::exit, 0, 4242, "curl")).detail = ProcessExit{.fds = 4};
    add(make_event(EventKind::exit, 0, 4243, "curl")).detail = ProcessExit{};
    add(make_event(EventKind::lost, 0, 0, "")).detail = LostEvents{"skipped:tcp_state", 12};
    add(make_event(EventKind::finding, 0, 901, "nginx")).detail =
        FindingEvent{"time_wait_flood", "warning", "nginx makes 25,000 TIME_WAIT a second",
                     R"({"rate_per_s":25000})", kAdvice};
    return events;
}

std::vector<Finding> sample_findings() {
    Finding finding;
    finding.rule = "time_wait_flood";
    finding.subject = "nginx";
    finding.owner = {.pid = 901, .tid = 0, .comm = Comm("nginx")};
    finding.title = "nginx makes 25,000 TIME_WAIT a second";
    finding.evidence = {{"rate_per_s", 25000.12345},
                        {"closed_by", std::string("local")},
                        {"time_wait_max", EvidenceValue()},
                        {"headroom", std::int64_t{-3}},
                        {"fds", std::vector<std::int64_t>{4, 7}},
                        {"reuse", true}};
    finding.advice = kAdvice;
    return {finding};
}

Snapshot previous_sample_snapshot() {
    Snapshot snapshot = sample_snapshot();
    snapshot.ktime_ns -= kSecond;
    snapshot.interval_ns = 0;
    snapshot.self.cpu_s = 1.0;
    snapshot.delta = {};
    for (ConnectRow& row : snapshot.connects) row.recently_established = row.recently_failed = row.pending = 0;
    for (ProcessRow& process : snapshot.processes) {
        process.connects = process.connects / 2;
        process.connects_failed = 0;
        process.accepts = process.accepts / 2;
    }
    return snapshot;
}

namespace {

// A process, those that are gone, and all that had no room.
void add_sample_connects(Snapshot& snapshot) {
    ConnectRow worker;
    worker.attempts = 50'000;
    worker.established = 49'987;
    worker.failed = {{"ECONNREFUSED", 2}, {"ETIMEDOUT", 10}};
    worker.pending = 1;
    worker.latency = {.count = 49'987, .p50_ms = 0.05321, .p90_ms = 0.1, .p99_ms = 12.5, .max_ms = 1031.25};
    worker.pid = 4242;
    worker.comm = Comm(
        "\xff"
        "celery");
    worker.container = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f0";
    worker.cgroup = "/docker/3f2a9c0d1e4b5a69788796a5b4c3d2e1f0";
    worker.netns = kHostNetns;
    worker.remote = tcp_tuple("", 0, "10.0.0.9", 5432);
    worker.recently_established = 24'988;
    worker.recently_failed = 12;
    ConnectRow ended;
    ended.of = ConnectRow::Of::ended;
    ended.processes = 300;
    ended.attempts = 300;
    ended.failed = {{"ENETUNREACH", 300}};
    ended.comm = Comm("curl");
    ended.netns = kHostNetns;
    ended.remote = tcp_tuple("", 0, "2001:db8:0:1::8", 443);
    ConnectRow others;
    others.of = ConnectRow::Of::others;
    others.attempts = others.established = 20;
    others.comm = Comm("~other");
    snapshot.connects = {worker, ended, others};
    snapshot.connects_total.attempts = 50'320;
    snapshot.connects_total.established = 50'007;
    snapshot.connects_total.failed = {{"ECONNREFUSED", 2}, {"ENETUNREACH", 300}, {"ETIMEDOUT", 10}};
    snapshot.connects_total.pending = 1;
    snapshot.connects_total.latency = worker.latency;
    snapshot.connects_observed = true;
    snapshot.connects_uncertain = 12;
    snapshot.connects_since_ns = 500'000'000;
}

}  // namespace

Snapshot sample_snapshot() {
    Snapshot snapshot;
    snapshot.ktime_ns = 5'500'000'000;
    snapshot.wall_offset_ns = kWallOffset;
    snapshot.interval_ns = kSecond;
    snapshot.host = "web-3";
    snapshot.kernel = "6.1.0-42-amd64";
    snapshot.limits = {.files_open = 3456,
                       .files_max = 1'000'000,
                       .time_wait_max = 65536,
                       .port_low = 32768,
                       .port_high = 60999,
                       .reserved_ports = 2,
                       .time_wait_reuse = 2};
    snapshot.tcp_states[WIRE_TCP_ESTABLISHED] = 812;
    snapshot.tcp_states[WIRE_TCP_TIME_WAIT] = 15402;
    snapshot.tcp_states[WIRE_TCP_LISTEN] = 4;
    snapshot.tcp_states[WIRE_TCP_SYN_RECV] = 1;
    snapshot.tcp_states[WIRE_TCP_NEW_SYN_RECV] = 2;
    snapshot.tcp_states_by_netns[kHostNetns] = snapshot.tcp_states;
    snapshot.time_wait_exact = true;
    snapshot.time_wait = {.existed = 402, .entered = 256'402, .left = 241'402};
    snapshot.netns_unread = {4026532777};
    snapshot.netns_refused = {{.netns = 0, .name = "/run/netns/left-over", .error = EINVAL},
                              {.netns = 4026532777, .name = "/run/netns/blue", .error = EPERM}};

    const socket_tuple listener = tcp_tuple("::", 443);
    const socket_tuple backend = tcp_tuple("10.0.0.2", 40000, "10.0.0.9", 5432);
    snapshot.sockets = {
        {.socket = {.id = 1, .netns = kHostNetns, .tuple = listener},
         .owner = {.pid = 901, .tid = 901, .comm = Comm("nginx")},
         .state = WIRE_TCP_LISTEN,
         .orphan = false,
         .state_age_ns = std::nullopt,
         .inode = 777,
         .receive_queue = 3,
         .send_queue = 511,
         .holders_known = true,
         .first_holder = 0,
         .holders = 3},
        {.socket = {.id = 2, .netns = kHostNetns, .tuple = backend},
         .owner = {},
         .state = WIRE_TCP_FIN_WAIT2,
         .orphan = true,
         .closed_by = ClosedBy::local,
         .closer = {.pid = 4000, .tid = 0, .comm = Comm("curl")},
         .state_age_ns = 1'500'000'000,
         .inode = 0,
         .receive_queue = 0,
         .send_queue = 0},
        {.socket = {.id = 3, .netns = kHostNetns, .tuple = udp_tuple("127.0.0.1", 53)},
         .owner = {.pid = 500, .tid = 500, .comm = Comm("dnsmasq")},
         .state = WIRE_TCP_CLOSE,
         .orphan = false,
         .state_age_ns = std::nullopt,
         .inode = 778,
         .receive_queue = 0,
         .send_queue = 0},
    };

    snapshot.holders = {{.pid = 901, .comm = Comm("nginx"), .fd = 6},
                        {.pid = 902, .comm = Comm("nginx"), .fd = 6},
                        {.pid = 902, .comm = Comm("nginx"), .fd = 9}};

    ProcessRow nginx;
    nginx.pid = 901;
    nginx.comm = Comm("nginx");
    nginx.cgroup = "/system.slice/nginx.service";
    nginx.fds = {.open = 830,
                 .highest = 1023,
                 .soft_limit = 1024,
                 .hard_limit = 4096,
                 .peak = 912,
                 .by_kind = {{"file", 12}, {"socket", 818}},
                 .kinds_age_ns = 3'200'000'000};
    nginx.tcp[WIRE_TCP_ESTABLISHED] = 810;
    nginx.tcp[WIRE_TCP_LISTEN] = 2;
    nginx.tcp[WIRE_TCP_TIME_WAIT] = 9000;
    nginx.time_wait_made = 250'000;
    nginx.time_wait_closed = 249'000;
    nginx.accepts = 250'810;
    ProcessRow worker;
    worker.pid = 4242;
    worker.ns_pid = 1;
    worker.comm = Comm(
        "\xff"
        "celery");
    worker.container = "3f2a9c0d1e4b5a69788796a5b4c3d2e1f0";
    worker.cgroup = "/docker/3f2a9c0d1e4b5a69788796a5b4c3d2e1f0";
    worker.fds = {.open = 41, .highest = 40, .soft_limit = 1'048'576, .hard_limit = 1'048'576, .peak = std::nullopt,
                  .by_kind = {}, .kinds_age_ns = std::nullopt, .table_of = 4100};
    snapshot.descriptors = {.open = 830, .tables = 1, .by_kind = {{"file", 12}, {"socket", 818}}, .kinds_age_ns = 3'200'000'000};
    worker.tcp[WIRE_TCP_ESTABLISHED] = 2;
    worker.tcp[WIRE_TCP_TIME_WAIT] = 6402;
    worker.time_wait_made = 6402;
    worker.connects = 50'000;
    worker.connects_failed = 12;
    ProcessRow dead;
    dead.pid = 4000;
    dead.comm = Comm("curl");
    dead.alive = false;
    dead.tcp[WIRE_TCP_FIN_WAIT2] = 1;
    snapshot.processes = {nginx, worker, dead};

    snapshot.destinations = {
        {.netns = kHostNetns,
         .tuple = tcp_tuple("10.0.0.2", 0, "10.0.0.9", 5432),
         .in_use = 24'000,
         .time_wait = 23'400,
         .ports = 28'230,
         .headroom = 4'230,
         .rate_per_s = 412.34567,
         .exhausted_in_s = 10.258},
        {.netns = kHostNetns,
         .tuple = tcp_tuple("2001:db8::1", 0, "2001:db8:0:1::8", 443),
         .in_use = 3,
         .time_wait = 0,
         .ports = 28'230,
         .headroom = 28'227,
         .rate_per_s = std::nullopt,
         .exhausted_in_s = std::nullopt},
    };
    TimeWaitMakerRow connector;
    connector.comm = worker.comm;
    connector.pids = {4242};
    connector.shares = {{.pid = 4242, .time_wait = 6402, .entered = 180'000, .closed_by_both = 3, .rate_per_s = 6000.0}};
    connector.processes = 1;
    connector.cgroup = worker.cgroup;
    connector.container = worker.container;
    connector.netns = kHostNetns;
    connector.connects = true;
    connector.service = tcp_tuple("10.0.0.2", 0, "10.0.0.9", 5432);
    connector.time_wait = 6402;
    connector.entered = 6402;
    connector.rate_per_s = 412.34567;
    connector.closed_by_both = 3;
    TimeWaitMakerRow acceptor;
    acceptor.comm = nginx.comm;
    acceptor.pids = {901, 902};
    acceptor.processes = 2;
    acceptor.cgroup = nginx.cgroup;
    acceptor.netns = kHostNetns;
    acceptor.service = tcp_tuple("10.0.0.2", 443);
    acceptor.time_wait = 9000;
    acceptor.entered = 250'000;
    acceptor.rate_per_s = 14'588;
    TimeWaitMakerRow unknown;
    unknown.netns = kHostNetns + 1;
    unknown.service = tcp_tuple("127.0.0.1", 8080);
    unknown.time_wait = 2;
    snapshot.time_wait_makers = {acceptor, connector, unknown};
    snapshot.containers = {{.container = "",
                            .processes = 2,
                            .descriptors = 830,
                            .descriptors_per_s = -1.5,
                            .time_wait_entered = 250'000,
                            .time_wait = 9000,
                            .time_wait_per_s = 14'588},
                           {.container = worker.container,
                            .processes = 1,
                            .descriptors = 41,
                            .descriptors_per_s = 12,
                            .time_wait_entered = 6402,
                            .time_wait = 6402,
                            .time_wait_per_s = 412.34567}};
    snapshot.listeners = {
        {.socket = {.id = 1, .netns = kHostNetns, .tuple = listener},
         .owner = {.pid = 901, .tid = 901, .comm = Comm("nginx")},
         .accept_queue = 3,
         .accept_queue_max = 511,
         .overflows = 7},
        {.socket = {.id = 9, .netns = kHostNetns, .tuple = tcp_tuple("127.0.0.1", 6379)},
         .owner = {},
         .accept_queue = 0,
         .accept_queue_max = 128,
         .overflows = std::nullopt},
    };
    add_sample_connects(snapshot);
    snapshot.total.connects = 50'000;
    snapshot.delta = {.connects = 25'000,
                      .connects_failed = 12,
                      .accepts = 125'405,
                      .closes = 130'000,
                      .time_wait_entered = 15'000,
                      .time_wait_left = 14'000,
                      .listen_overflows = 7,
                      .time_wait_overflows = 0};
    snapshot.lost = {{"skipped:tcp_state", 12}, {"tcp_state", 0}};
    snapshot.drift = {.sockets = 2, .fds = 0};
    snapshot.self = {
        .cpu_s = 1.03149,
        .rss_bytes = 12'582'912,
        .events = 1'234'567,
        .ring_bytes = 16'777'216,
        .ring_high_bytes = 200'000,
        .programs = {
            {.program = "tcp_state_tp_btf", .ns_per_run = 312.4, .runs = 1'000'000, .recursion_misses = 12},
            {.program = "time_wait_enter", .ns_per_run = std::nullopt, .runs = 0, .recursion_misses = 0}}};
    return snapshot;
}

}  // namespace sockeye::test
