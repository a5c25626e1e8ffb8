// SPDX-License-Identifier: GPL-2.0-only
// The rows for TCP states, minisocks, socket calls and the kernel's tables. Costs were measured on 6.18:
// what a hook adds to every system call of the host, and to the calls that it is about.
#include "probes/probe_table.h"

#include <algorithm>
#include <array>
#include <vector>

#include "probes/probe_table_descriptors.h"

namespace sockeye {
namespace {

using enum HookKind;

constexpr std::string_view kSyscallCost =
    "0.04 to 0.08 us on every system call of the host (once, however many are hooked), 0.2 to 0.3 us on those "
    "hooked; calls made through io_uring are not seen";
constexpr std::string_view kAllSyscallsCost =
    "0.09 to 0.15 us on every system call of the host; calls made through io_uring are not seen";
constexpr std::string_view kRawSyscallsCost =
    "0.18 to 0.24 us on every system call of the host; calls made through io_uring are not seen";
constexpr std::string_view kAcceptCost =
    "0.04 to 0.08 us on every system call of the host (once, however many are hooked), 0.2 to 0.3 us on those "
    "hooked; io_uring's accepts are not seen before 5.18, and never those into a ring's own table";
constexpr std::string_view kAcceptAllCost =
    "0.09 to 0.15 us on every system call of the host; io_uring's accepts are not seen before 5.18, and never those "
    "into a ring's own table";
constexpr std::string_view kAcceptRawCost =
    "0.18 to 0.24 us on every system call of the host; io_uring's accepts are not seen before 5.18, and never those "
    "into a ring's own table";
constexpr std::string_view kNestedCost =
    "skipped when the softirq comes inside another kprobe's or classic tracepoint's program: up to 2 % of the events "
    "under load, counted as lost from 6.7 on";

// TCP states.
constexpr Attachment kStateBtf[] = {{"tcp_state_btf", btf_tracepoint, "inet_sock_set_state"}};
constexpr Attachment kStateClassic[] = {{"tcp_state_classic", tracepoint, "sock/inet_sock_set_state"}};
constexpr Alternative kState[] = {{btf_tracepoint, kStateBtf}, {tracepoint, kStateClassic}};

constexpr Attachment kSecondChanceBtf[] = {{"tcp_state_second_chance", btf_tracepoint, "inet_sock_set_state"}};
constexpr Alternative kSecondChance[] = {
    {btf_tracepoint, kSecondChanceBtf},
    {polling, {}, "iter/tcp", Trust::concluded,
     "state changes that the kernel skipped (a softirq inside the program) are repaired by sweeps only"}};

constexpr Attachment kThirdChanceBtf[] = {{"tcp_state_third_chance", btf_tracepoint, "inet_sock_set_state"}};
constexpr Alternative kThirdChance[] = {
    {btf_tracepoint, kThirdChanceBtf},
    {polling, {}, "iter/tcp", Trust::concluded,
     "state changes that two programs were skipped for are repaired by sweeps only"}};

// Minisocks. The function that links one into the hash was renamed in 6.11. They run mostly
// in softirqs: there nothing preempts a trampoline's program; but one that works off a backlog is entered again by
// the softirq that interrupts it (7.3 skipped 3 of 530 births when lazy, 8 of 300 with preempt=full), and a kprobe is
// skipped when the softirq came inside another kprobe's or classic tracepoint's program (8 to 32 of 1,338; 2 on
// 6.12, 1 on 5.10). At their exits a second program writes what the first was too busy for.
constexpr std::string_view kEnterAgain = "time_wait_enter_second_chance";
constexpr Attachment kMinisocksAgain[] = {
    {kEnterAgain, fexit, "inet_twsk_hashdance_schedule", Presence::optional},
    {kEnterAgain, fexit, "inet_twsk_hashdance", Presence::fallback},
    {"time_wait_turn_second_chance", fexit, "__inet_twsk_schedule"},
    {"time_wait_leave_second_chance", fexit, "tcp_twsk_destructor"}};
constexpr Alternative kMinisockSecondChance[] = {
    {fexit, kMinisocksAgain, "fexit/{inet_twsk_hashdance,__inet_twsk_schedule,tcp_twsk_destructor}"},
    {polling, {}, "iter/tcp", Trust::concluded, "minisocks that hooks skipped are repaired by sweeps only"}};
constexpr Attachment kOverflowFexit[] = {{"time_wait_overflow", fexit, "inet_twsk_alloc"}};
constexpr Alternative kOverflow[] = {
    {.kind = fexit, .attachments = kOverflowFexit, .context = Context::mostly_softirq},
    {inference, {}, "inference from inet_sock_set_state", Trust::concluded,
     "a connection that could have entered TIME_WAIT, and did not, counts as an overflow of tcp_max_tw_buckets"}};

constexpr Attachment kEnterFentry[] = {{"time_wait_enter_fentry", fentry, "inet_twsk_hashdance_schedule"}};
constexpr Attachment kEnterFentryOld[] = {{"time_wait_enter_fentry", fentry, "inet_twsk_hashdance"}};
constexpr Attachment kEnterKprobe[] = {{"time_wait_enter_kprobe", kprobe, "inet_twsk_hashdance_schedule"}};
constexpr Attachment kEnterKprobeOld[] = {{"time_wait_enter_kprobe", kprobe, "inet_twsk_hashdance"}};
constexpr Alternative in_softirq(std::span<const Attachment> attachments) {
    if (attachments.front().kind == fentry)
        return {.kind = fentry, .attachments = attachments, .context = Context::mostly_softirq};
    return {.kind = kprobe, .attachments = attachments, .trust = Trust::partial, .cost = kNestedCost};
}

constexpr Alternative kEnter[] = {
    in_softirq(kEnterFentry), in_softirq(kEnterFentryOld), in_softirq(kEnterKprobe), in_softirq(kEnterKprobeOld),
    {inference, {}, "inference from inet_sock_set_state", Trust::concluded,
     "events say inferred; a full table of minisocks (tcp_max_tw_buckets) shows only as a counter"}};

constexpr Attachment kTurnFentry[] = {{"time_wait_turn_fentry", fentry, "__inet_twsk_schedule"}};
constexpr Attachment kTurnKprobe[] = {{"time_wait_turn_kprobe", kprobe, "__inet_twsk_schedule"}};
constexpr Alternative kTurn[] = {
    in_softirq(kTurnFentry), in_softirq(kTurnKprobe),
    {polling, {}, "iter/tcp", Trust::concluded, "an orphan's FIN_WAIT2 turns to TIME_WAIT at the next sweep"}};

constexpr Attachment kLeaveFentry[] = {{"time_wait_leave_fentry", fentry, "tcp_twsk_destructor"}};
constexpr Attachment kLeaveKprobe[] = {{"time_wait_leave_kprobe", kprobe, "tcp_twsk_destructor"}};
constexpr Alternative kLeave[] = {
    in_softirq(kLeaveFentry), in_softirq(kLeaveKprobe),
    {polling, {}, "iter/tcp", Trust::concluded,
     "the end of a TIME_WAIT is seen at the next sweep, its reason concluded from its age and from the next "
     "connection of the same tuple"}};

constexpr Attachment kSegmentFentry[] = {{"time_wait_segment_fentry", fentry, "tcp_timewait_state_process"}};
constexpr Attachment kSegmentKprobe[] = {{"time_wait_segment_kprobe", kprobe, "tcp_timewait_state_process"}};
constexpr Alternative kSegments[] = {
    in_softirq(kSegmentFentry), in_softirq(kSegmentKprobe),
    {inference, {}, "inference from inet_sock_set_state", Trust::concluded,
     "why a TIME_WAIT ended early is known only if a connect of this host took its ends"}};

// Socket calls.
constexpr std::string_view kSocketClassic = "socket_syscall_exit_classic";
constexpr std::string_view kSocketBtf = "socket_syscall_exit_btf";
constexpr Attachment kSocketSysExit[] = {{kSocketBtf, btf_tracepoint, "sys_exit"}};

constexpr Attachment kRawSysExit[] = {{"socket_syscall_exit_raw", tracepoint, "raw_syscalls/sys_exit"}};
constexpr Alternative kRawExit = {tracepoint, kRawSysExit, {}, Trust::partial, kRawSyscallsCost};

// io_uring's accepts: no system call tells of them.
constexpr Attachment kRingClassic = {"accept_io_uring_complete_classic", tracepoint, "io_uring/io_uring_complete",
                                     Presence::optional};
constexpr Attachment kRingBtf = {"accept_io_uring_complete_btf", btf_tracepoint, "io_uring_complete",
                                 Presence::optional};
constexpr Attachment kAcceptSyscalls[] = {{kSocketClassic, syscall_tracepoint, "syscalls/sys_exit_accept"},
                                          {kSocketClassic, syscall_tracepoint, "syscalls/sys_exit_accept4"},
                                          kRingClassic};
constexpr Attachment kAcceptRaw[] = {kRawSysExit[0], kRingClassic};
constexpr Attachment kAcceptBtf[] = {kSocketSysExit[0], kRingBtf};
constexpr Alternative kAcceptCalls[] = {
    {syscall_tracepoint, kAcceptSyscalls, "tp/syscalls/sys_exit_{accept,accept4}", Trust::partial, kAcceptCost},
    {tracepoint, kAcceptRaw, "tp/raw_syscalls/sys_exit", Trust::partial, kAcceptRawCost},
    {btf_tracepoint, kAcceptBtf, "tp_btf/sys_exit", Trust::partial, kAcceptAllCost}};

// Two of its four arguments went into a struct in 6.10; a stable update could do the same, so BTF decides.
constexpr Attachment kAcceptFexit[] = {{"accept_fexit", fexit, "inet_csk_accept", Presence::required, {}, 2}};
constexpr Attachment kAcceptFexitOld[] = {
    {"accept_fexit_before_6_10", fexit, "inet_csk_accept", Presence::required, {}, 4}};
constexpr Attachment kAcceptKretprobe[] = {{"accept_kretprobe", kretprobe, "inet_csk_accept"}};
constexpr Alternative kAcceptOwner[] = {
    {fexit, kAcceptFexit},
    {fexit, kAcceptFexitOld},
    kAcceptCalls[0],
    kAcceptCalls[1],
    kAcceptCalls[2],
    {kretprobe, kAcceptKretprobe, {}, Trust::lossy,
     "returns are missed while more tasks block in accept() than it has slots (maxactive)", Choice::only_forced}};

constexpr Attachment kConnectSyscall[] = {{kSocketClassic, syscall_tracepoint, "syscalls/sys_exit_connect"}};
constexpr Alternative kConnectCalls[] = {
    {syscall_tracepoint, kConnectSyscall, {}, Trust::partial, kSyscallCost},
    kRawExit,
    {btf_tracepoint, kSocketSysExit, {}, Trust::partial, kAllSyscallsCost}};

constexpr Attachment kSocketSyscalls[] = {{kSocketClassic, syscall_tracepoint, "syscalls/sys_exit_socket"},
                                          {kSocketClassic, syscall_tracepoint, "syscalls/sys_exit_bind"},
                                          {kSocketClassic, syscall_tracepoint, "syscalls/sys_exit_listen"}};
constexpr Alternative kSocketCalls[] = {
    {syscall_tracepoint, kSocketSyscalls, "tp/syscalls/sys_exit_{socket,bind,listen}", Trust::partial, kSyscallCost},
    kRawExit,
    {btf_tracepoint, kSocketSysExit, {}, Trust::partial, kAllSyscallsCost}};

// The kernel's tables.
constexpr Attachment kIterTcp[] = {{"existing_tcp", iterator, "tcp"}};
constexpr Attachment kIterUdp[] = {{"existing_udp", iterator, "udp"}};
constexpr Attachment kIterUnix[] = {{"existing_unix", iterator, "unix"}};
constexpr Attachment kIterTask[] = {{"existing_processes", iterator, "task"}};
constexpr Attachment kIterTaskFile[] = {{"existing_fds", iterator, "task_file"}};
constexpr Alternative kTcpTable[] = {{iterator, kIterTcp}};
constexpr Alternative kUdpTable[] = {{iterator, kIterUdp}};
constexpr Alternative kUnixTable[] = {{iterator, kIterUnix}};
constexpr Alternative kProcessTable[] = {{iterator, kIterTask}};
constexpr Alternative kFdTable[] = {{iterator, kIterTaskFile}};

constexpr std::string_view kMinisockRepair = "time_wait_second_chance";
constexpr ProbePoint kSocketRows[] = {
    {.row = "tcp_state", .features = Feature::tcp_state, .alternatives = kState},
    {.row = "tcp_state_second_chance", .features = Feature::tcp_state, .alternatives = kSecondChance,
     .purpose = Purpose::repair},
    {.row = "tcp_state_third_chance", .features = Feature::tcp_state, .alternatives = kThirdChance,
     .condition = Condition::preempted_tracepoints, .purpose = Purpose::repair},
    {.row = kMinisockRepair, .features = Feature::time_wait, .alternatives = kMinisockSecondChance,
     .group = "time_wait", .role = GroupRole::follower, .purpose = Purpose::repair,
     .attach_turn = AttachTurn::minisock_repair},
    {.row = "time_wait_enter", .features = Feature::time_wait, .alternatives = kEnter,
     .repaired_by = kMinisockRepair, .group = "time_wait", .attach_turn = AttachTurn::minisock_birth},
    {.row = "time_wait_turn", .features = Feature::time_wait, .alternatives = kTurn,
     .repaired_by = kMinisockRepair, .group = "time_wait", .role = GroupRole::follower,
     .attach_turn = AttachTurn::minisock_change},
    {.row = "time_wait_leave", .features = Feature::time_wait, .alternatives = kLeave,
     .repaired_by = kMinisockRepair, .group = "time_wait", .attach_turn = AttachTurn::minisock_end},
    {.row = "time_wait_overflow", .features = Feature::time_wait, .alternatives = kOverflow, .group = "time_wait",
     .role = GroupRole::follower, .attach_turn = AttachTurn::minisock_change},
    {.row = "time_wait_segments", .features = Feature::time_wait, .alternatives = kSegments, .group = "time_wait",
     .role = GroupRole::follower, .attach_turn = AttachTurn::minisock_end},
    {.row = "accept_calls", .features = Feature::accept_calls, .alternatives = kAcceptCalls},
    {.row = "accept_owner", .features = Feature::accept_owner, .alternatives = kAcceptOwner,
     .told_by = "accept_calls"},
    {.row = "connect_calls", .features = Feature::connect_calls, .alternatives = kConnectCalls},
    {.row = "socket_calls", .features = Feature::socket_calls, .alternatives = kSocketCalls},
};

constexpr ProbePoint kTableRows[] = {
    {.row = "tcp_table", .features = {}, .alternatives = kTcpTable},
    {.row = "udp_table", .features = {}, .alternatives = kUdpTable},
    {.row = "unix_table", .features = {}, .alternatives = kUnixTable},
    {.row = "process_table", .features = {}, .alternatives = kProcessTable},
    {.row = "fd_table", .features = {}, .alternatives = kFdTable},
};

constexpr auto joined_rows() {
    std::array<ProbePoint, std::size(kSocketRows) + std::size(descriptor_rows::kRows) + std::size(kTableRows)> rows{};
    auto* next = std::ranges::copy(kSocketRows, rows.begin()).out;
    next = std::ranges::copy(descriptor_rows::kRows, next).out;
    std::ranges::copy(kTableRows, next);
    return rows;
}
constexpr auto kRows = joined_rows();

}  // namespace

std::span<const ProbePoint> probe_table() { return kRows; }

}  // namespace sockeye
