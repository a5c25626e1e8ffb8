// SPDX-License-Identifier: GPL-2.0-only
// Snapshot: an immutable value that holds all that is known at one moment. Diagnoses and snapshot sinks
// read nothing else. Counts are those of the kernel's tables as of the last sweep, carried on by events.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aggregate/tuple.h"
#include "events/event.h"

namespace sockeye {

using StateCounts = std::array<std::uint64_t, WIRE_TCP_STATE_MAX>;  // index: enum wire_tcp_state

struct SocketRow {
    SocketIdentity socket;
    Owner owner;                       // pid 0: unknown
    std::uint8_t state = 0;            // tcp; udp and unix: ESTABLISHED or CLOSE
    bool orphan = false;               // no descriptor refers to it
    ClosedBy closed_by = ClosedBy::unknown;
    Owner closer{};                             // who closed our end; pid 0: nobody yet, or unknown
    std::optional<std::uint64_t> state_age_ns;  // since its last transition; absent: before we looked
    std::uint64_t inode = 0;
    std::uint32_t receive_queue = 0, send_queue = 0;  // as existing_socket_event
    // Who holds it now: this range of Snapshot::holders, oldest process first. Unknown: it has changed since
    // descriptors were last read.
    bool holders_known = false;
    std::uint32_t first_holder = 0, holders = 0;
};

// What a list of sockets is sorted by: names, addresses and our own numbers (the order in which sockets were first
// seen) from small to great, all else from great to small; what is not known comes last.
enum class SocketOrder : std::uint8_t {
    number,
    protocol,
    state,
    age,
    local,
    remote,
    pid,
    comm,
    receive_queue,
    send_queue,
    holder,
};

// Which sockets a list holds.
struct SocketChoice {
    std::size_t most = std::numeric_limits<std::size_t>::max();  // the first so many
    SocketOrder order = SocketOrder::number;
    bool reversed = false;
    std::uint32_t pid = 0;  // only those that this process made or holds; 0: all
    friend bool operator==(const SocketChoice&, const SocketChoice&) = default;
};

// One descriptor that refers to a socket.
struct SocketHolder {
    std::uint32_t pid = 0;
    Comm comm;
    std::int32_t fd = -1;
};

struct SocketList {
    SocketChoice choice;
    std::vector<SocketRow> rows;
    std::vector<SocketHolder> holders;  // of those
    std::size_t candidates = 0;         // of which the first `choice.most` are listed
};

struct FdCounts {
    std::optional<std::uint32_t> open;  // absent: not readable
    std::optional<std::int32_t> highest;
    std::optional<std::uint64_t> soft_limit, hard_limit;
    std::optional<std::uint32_t> peak;  // the most at once since the start; absent without descriptor events
    std::map<std::string, std::uint32_t> by_kind;  // absent when kinds were not read
    std::optional<std::uint64_t> kinds_age_ns;     // since kinds were read; events carry them on
    std::uint32_t table_of = 0;  // pid of the oldest process that uses the same table; 0: it is its own
};

// All descriptors of the host's processes; a table that several use counts once.
struct FdTotals {
    std::uint64_t open = 0, tables = 0;
    std::map<std::string, std::uint64_t> by_kind;
    std::optional<std::uint64_t> kinds_age_ns;  // the oldest reading of any process's kinds
};

struct ProcessRow {
    std::uint32_t pid = 0;
    std::uint32_t ns_pid = 0;  // when it differs from pid; else 0
    Comm comm;
    bool alive = true;         // false: it has died, its sockets live on
    std::string cgroup;        // empty: unknown
    std::string container;     // empty: none
    FdCounts fds;
    StateCounts tcp{};
    std::uint64_t time_wait_made = 0, time_wait_closed = 0;        // as owner; as the one whose close led there
    std::uint64_t connects = 0, connects_failed = 0, accepts = 0;  // since the start
    std::uint64_t bound_connects = 0;  // of connects: with a port that bind() had chosen
};

// One process's part of a TimeWaitMakerRow; fields as there.
struct TimeWaitShareRow {
    std::uint32_t pid = 0;
    std::optional<std::uint64_t> time_wait;
    std::uint64_t entered = 0, closed_by_both = 0;
    std::optional<double> rate_per_s;
};

// Processes of one name, as makers of TIME_WAIT toward one service.
struct TimeWaitMakerRow {
    Comm comm;                        // empty: unknown
    std::vector<std::uint32_t> pids;  // up to eight, the newest last; empty: unknown
    // Of those pids that have some; empty: they are too many to be told apart, or unknown.
    std::vector<TimeWaitShareRow> shares;
    std::uint32_t processes = 0;      // how many there were
    std::string cgroup, container;
    std::uint32_t netns = 0;
    bool connects = false;   // it connects to the service; else it is the service
    socket_tuple service{};  // connects: from laddr to raddr and rport; else laddr and lport
    std::optional<std::uint64_t> time_wait;  // present; absent when not counted
    std::uint64_t entered = 0;               // since the first snapshot; in that one, since the start
    std::optional<double> rate_per_s;
    std::uint64_t closed_by_both = 0;  // of those that entered; this end closed the others first
};

// Connections that one (netns, local address) opened toward one remote address and port. All share one
// range of ephemeral ports.
struct DestinationRow {
    std::uint32_t netns = 0;
    socket_tuple tuple{};  // lport 0
    std::uint64_t in_use = 0, time_wait = 0;
    std::uint32_t ports = 0;  // ephemeral range minus reserved ports
    std::int64_t headroom = 0;  // of these ports, those free: in_use may have others, bound outside of the range
    std::uint64_t taken = 0;               // ports, since the destination is known
    std::optional<double> rate_per_s;      // ports taken per second, absent without two samples
    std::optional<double> exhausted_in_s;  // as they were taken lately, however long the interval; absent: not in sight
    // Connects that found no port (EADDRNOTAVAIL) since the destination is known, and the first of them.
    std::uint64_t refused = 0;
    std::uint64_t first_refused_ns = 0, last_refused_ns = 0;  // ktime; 0: none
    Owner first_refused{};
};

// How long connects took that were established, from the SYN to its answer. Absent without any.
struct ConnectLatency {
    std::uint64_t count = 0;  // of those whose beginning was seen, too
    std::optional<double> p50_ms, p90_ms, p99_ms;  // at most 1.6 % off: see LatencyHistogram
    std::optional<double> max_ms;                  // exact
};

// TCP connects since the start: attempts = established + all failed + pending, always.
struct ConnectCounts {
    std::uint64_t attempts = 0, established = 0, pending = 0;
    std::map<std::string, std::uint64_t> failed;  // by the errno's name; ECANCELED: the caller gave it up
    ConnectLatency latency;

    [[nodiscard]] std::uint64_t failed_count() const {
        std::uint64_t count = 0;
        for (const auto& [error, times] : failed) count += times;
        return count;
    }
};

// Those of one process toward one remote address and port.
struct ConnectRow : ConnectCounts {
    enum class Of : std::uint8_t { process, ended, others };
    // ended: processes of one name that are gone, pid 0; others: all that had no room, comm "~other", no destination.
    Of of = Of::process;
    std::uint32_t pid = 0;        // 0: unknown, or several
    std::uint32_t processes = 1;  // how many; of others: not known
    std::uint32_t folds = 0;      // how often earlier rows' counts have come to these: what they tell is no news
    Comm comm;                    // empty: unknown
    std::string cgroup, container;
    std::uint32_t netns = 0;
    socket_tuple remote{};  // raddr and rport
    // In the last interval, or since the first snapshot, as rates.
    std::uint64_t recently_established = 0;
    std::uint64_t recently_failed = 0;
};

// What the processes of one container hold and do together: sums of the other rows of the snapshot.
struct ContainerRow {
    std::string container;  // empty: those that live in none
    std::uint32_t processes = 0;
    std::uint64_t descriptors = 0;            // a table that several processes use counts once
    std::optional<double> descriptors_per_s;  // how they grew since the snapshot that rates are measured against
    std::uint64_t time_wait_entered = 0;      // as in TimeWaitMakerRow
    std::optional<std::uint64_t> time_wait;
    std::optional<double> time_wait_per_s;
};

// Connections of one process whose peer has closed and that it has not closed.
struct CloseWaitRow {
    Owner owner;
    std::uint64_t sockets = 0;
    std::uint64_t end_unread = 0;    // of these: the process has not read up to the end
    std::uint64_t unread_bytes = 0;  // as of the last reading of the socket table
    std::vector<std::uint64_t> ages_ns;  // of each, oldest first; those that were there before us are older
    std::vector<std::int64_t> fds;       // some of the process's own descriptors of them
    std::optional<std::uint32_t> way;    // by which most of those were opened whose way is known: index of Snapshot::ways
    std::uint64_t by_that_way = 0;
};

// One frame of a way through a program; see stack_frame_event.
struct FrameRow {
    std::string function, module, source, build_id;
    std::uint32_t line = 0;
    std::uint64_t offset = 0;
};

struct WayRow {
    std::vector<FrameRow> frames;  // innermost first
    std::uint32_t end = 0;         // enum wire_stack_end
};

struct GrowthSample {
    std::uint64_t ktime_ns = 0;
    std::uint32_t open = 0;
};

// Descriptors of one kind that a process opened by one way since the start, and that are open still or were.
struct OpenerRow {
    std::uint32_t pid = 0;
    Comm comm;
    bool alive = true;
    std::string cgroup, container;
    std::optional<std::uint32_t> way;  // index of Snapshot::ways; absent: not known
    std::uint8_t kind = 0;             // enum fd_kind
    std::uint32_t open = 0;
    std::uint64_t opened = 0, closed = 0;
    std::uint64_t oldest_ns = 0;       // ktime at which the oldest of those open was opened; 0: none is
    std::vector<GrowthSample> growth;  // oldest first, at most 128
};

// A process that was refused descriptors since the start.
struct RefusalRow {
    std::uint32_t pid = 0;
    Comm comm;
    std::int32_t error = 0;            // EMFILE or ENFILE
    std::uint64_t count = 0, first_ns = 0, last_ns = 0;
    std::uint32_t call = 0;            // the first one's system call; SYSTEM_CALL_UNKNOWN
    std::optional<std::uint32_t> way;  // that led to it: index of Snapshot::ways; absent: not known
};

struct ListenerRow {
    SocketIdentity socket;
    Owner owner;
    std::uint32_t accept_queue = 0, accept_queue_max = 0;
    std::optional<std::uint64_t> overflows;
};

struct ProgramCost {
    std::string program;
    std::optional<double> ns_per_run;  // absent unless kernel.bpf_stats_enabled
    std::uint64_t runs = 0, recursion_misses = 0;
};

struct SelfCost {
    double cpu_s = 0;
    std::uint64_t rss_bytes = 0;
    std::uint64_t events = 0;
    std::uint64_t ring_bytes = 0, ring_high_bytes = 0;
    std::vector<ProgramCost> programs;
};

struct HostLimits {
    // Linux' defaults of net.ipv4.ip_local_port_range, until the namespace's own are known.
    static constexpr std::uint16_t kDefaultPortLow = 32768, kDefaultPortHigh = 60999;

    std::uint64_t files_open = 0, files_max = 0;
    std::uint32_t time_wait_max = 0;
    std::uint16_t port_low = 0, port_high = 0;
    std::uint32_t reserved_ports = 0;
    std::optional<std::uint32_t> time_wait_reuse;  // net.ipv4.tcp_tw_reuse

    // connect() takes such ports.
    [[nodiscard]] bool is_ephemeral(std::uint16_t port) const {
        return port >= (port_low != 0 ? port_low : kDefaultPortLow) && port <= (port_high != 0 ? port_high : kDefaultPortHigh);
    }
    // Whether connect() takes the port of a TIME_WAIT toward that address once it is older than a second
    // (tcp_twsk_unique(), net/ipv4/tcp_ipv4.c; both ends need TCP timestamps).
    [[nodiscard]] bool reuses_time_wait(const se_u8 (&remote)[16]) const {
        const std::uint32_t reuse = time_wait_reuse.value_or(0);
        return reuse == 1 || (reuse == 2 && is_loopback_address(remote));
    }
};

struct Drift {
    std::uint64_t sockets = 0, fds = 0;  // entries that a sweep had to correct
};

// What happened since the start, and since the previous snapshot.
struct Activity {
    std::uint64_t connects = 0, connects_failed = 0, accepts = 0, closes = 0, time_wait_existed = 0,
                  time_wait_entered = 0, time_wait_left = 0, listen_overflows = 0, time_wait_overflows = 0;

    static constexpr std::uint64_t Activity::* const kCounters[] = {
        &Activity::connects,          &Activity::connects_failed,   &Activity::accepts,
        &Activity::closes,            &Activity::time_wait_existed, &Activity::time_wait_entered,
        &Activity::time_wait_left,    &Activity::listen_overflows,  &Activity::time_wait_overflows,
    };
    Activity& operator+=(const Activity& other) {
        for (const auto counter : kCounters) this->*counter += other.*counter;
        return *this;
    }
    friend bool operator==(const Activity&, const Activity&) = default;
};

// Every TIME_WAIT, since the start: existed + entered − left = those present, always.
struct TimeWaitLedger {
    std::uint64_t existed = 0;  // found by the first reading of their namespace
    std::uint64_t entered = 0, left = 0;
};

// Births of minisocks (TIME_WAITs, and orphans in FIN_WAIT2) since the first reading of a namespace's counters.
struct MinisockCheck {
    std::uint64_t counted = 0;  // by the kernel: TcpExt TW, TWKilled
    std::int64_t missed = 0;    // of those; below 0: so many were met that the kernel has not counted
};
inline void add_check(std::optional<MinisockCheck>& sum, const MinisockCheck& part) {
    if (!sum.has_value()) sum.emplace();
    sum->counted += part.counted;
    sum->missed += part.missed;
}

// A network namespace whose sockets could not be read.
struct NetnsRefused {
    std::uint32_t netns = 0;  // 0: not known
    std::string name;         // the file that it was found by; empty: a process's
    int error = 0;            // errno; EINVAL of a file: it is no network namespace
};

// Where the records came from: hooks and iterators, or sock_diag and /proc, read again and again.
enum class RecordsFrom : std::uint8_t { bpf, sampling };

struct Snapshot {
    RecordsFrom source = RecordsFrom::bpf;
    std::vector<std::string> blind_to;  // what that cannot see, or may not here
    std::uint64_t ktime_ns = 0;
    std::int64_t wall_offset_ns = 0;
    std::uint64_t interval_ns = 0;  // since the previous snapshot; 0: the first, or too soon upon it for a rate
    std::string host, kernel;
    HostLimits limits;
    StateCounts tcp_states{};                         // all netns
    std::map<std::uint32_t, StateCounts> tcp_states_by_netns;
    std::map<std::uint32_t, HostLimits> limits_by_netns;  // of those that have their own
    bool time_wait_exact = false;                     // see run_event
    TimeWaitLedger time_wait;                         // of the namespaces above
    std::optional<MinisockCheck> minisocks;           // absent: not read twice, or not all births are looked for
    std::optional<std::uint64_t> tables_age_ns;       // since the socket tables were last read whole
    std::vector<std::uint32_t> netns_unread;          // namespaces whose sockets could not be read
    std::vector<NetnsRefused> netns_refused;          // the same and why, with files that are no namespaces
    std::vector<SocketRow> sockets;                   // only when asked for
    std::vector<SocketHolder> holders;                // of those sockets
    std::optional<SocketChoice> socket_choice;        // what was asked for
    std::size_t socket_candidates = 0;                // of which the first `socket_choice->most` are listed
    FdTotals descriptors;                             // of all processes, whatever the lists are filtered by
    std::vector<ProcessRow> processes;                // by descending interest: sockets + descriptors
    std::vector<DestinationRow> destinations;         // by ascending headroom
    std::vector<TimeWaitMakerRow> time_wait_makers;   // by descending rate, then number; only when asked for
    // Those of the two lists above that a filter leaves out, in the namespaces that it takes: no output lists them, but
    // what all of them will come to depends on them, too.
    std::vector<DestinationRow> other_destinations;
    std::vector<TimeWaitMakerRow> other_makers;
    std::vector<ConnectRow> connects;                 // by descending attempts, at most some 2,000
    ConnectCounts connects_total;                     // of those rows
    // So many records that may have told of connects were lost, and of so many attempts none told the end (some kernels
    // run no program in certain tasks, and count no skipped run): counts may be off by as many.
    std::uint64_t connects_uncertain = 0;
    bool connects_observed = false;     // hooks tell of them; else there is nothing above
    bool connects_unsent_told = false;  // connects that fail before a SYN are seen: see doctor
    std::uint64_t connects_since_ns = 0;  // ktime from which on they are counted: hooks were attached, or a run began
    std::vector<ContainerRow> containers;             // by descending descriptors; empty if there is no container
    std::vector<CloseWaitRow> close_wait;             // only when asked for
    std::vector<ListenerRow> listeners;
    bool stacks_observed = false;       // hooks tell by which way descriptors were opened; else there are no openers
    std::vector<OpenerRow> openers;                   // by descending number
    std::vector<RefusalRow> refusals;                 // only where they are observed
    std::vector<WayRow> ways;                         // that other rows name
    Activity total, delta;                            // of the namespaces above, and of those that are gone if all are shown
    // Connections that skipped TIME_WAIT since the previous snapshot; namespaces without any are left out.
    std::map<std::uint32_t, std::uint64_t> time_wait_overflows_by_netns;
    std::map<std::string, std::uint64_t> lost;        // by class, since the start
    Drift drift;
    SelfCost self;
};

}  // namespace sockeye
