/* SPDX-License-Identifier: GPL-2.0-only */
/* The wire records: what BPF programs write into the ring buffer, what a recording holds, and what
 * the decoder reads. The only header that both sides include. Plain C, fixed-width fields, explicit
 * padding, no pointers; every size is asserted below. All numbers are host byte order (ports too).
 *
 * A stream is a sequence of records, each starting with an event_header whose `size` is the length of
 * the whole record. Hooks write the first group of kinds, iterators the second, userspace the third;
 * because all three travel in one stream, a recording replays to the same bytes. A comm is always the process's
 * name (its first thread's), whichever of its threads acts. */
#ifndef SOCKEYE_EVENT_H
#define SOCKEYE_EVENT_H

#ifdef __cplusplus
#include <cstdint>
typedef std::uint8_t se_u8;
typedef std::uint16_t se_u16;
typedef std::uint32_t se_u32;
typedef std::uint64_t se_u64;
typedef std::int32_t se_s32;
typedef std::int64_t se_s64;
#else
typedef unsigned char se_u8;
typedef unsigned short se_u16;
typedef unsigned int se_u32;
typedef unsigned long long se_u64;
typedef int se_s32;
typedef long long se_s64;
#endif

/* Raised whenever a record below changes its layout or meaning; stored in recordings. */
#define EVENT_ABI_VERSION 4

#define EVENT_COMM_LENGTH 16      /* TASK_COMM_LEN, include/linux/sched.h */
#define EVENT_FILENAME_LENGTH 128 /* longer names are cut at the front: the end tells more */
#define EVENT_MAX_RECORD 1024

/* X(name, number, struct): the list that the kinds, the loss classes and the decoder's sizes come from. */
#define WIRE_KINDS(X)                                                                               \
	/* written by hooks */                                                                      \
	X(socket, 1, socket_call_event)                                                             \
	X(bind, 2, socket_call_event)                                                               \
	X(listen, 3, socket_call_event)                                                             \
	X(connect, 4, socket_call_event)                                                            \
	X(accept, 5, socket_call_event)                                                             \
	X(socket_close, 6, socket_call_event)                                                       \
	X(tcp_state, 7, tcp_state_event)                                                            \
	X(time_wait, 8, time_wait_event)                                                            \
	X(fd_open, 9, fd_event)                                                                     \
	X(fd_close, 10, fd_event)                                                                   \
	X(fork, 11, fork_event)                                                                     \
	X(exec, 12, exec_event)                                                                     \
	X(exit, 13, exit_event)                                                                     \
	X(stack_sample, 14, stack_sample_event)                                                     \
	X(fd_refused, 15, fd_refused_event)                                                         \
	/* read by iterators */                                                                     \
	X(existing_socket, 32, existing_socket_event)                                               \
	X(existing_process, 33, existing_process_event)                                             \
	X(existing_fd, 34, existing_fd_event)                                                       \
	/* added by userspace */                                                                    \
	X(run, 64, run_event)                                                                       \
	X(sweep, 65, sweep_event)                                                                   \
	X(tick, 66, tick_event)                                                                     \
	X(process_info, 67, process_info_event)                                                     \
	X(lost, 68, lost_event)                                                                     \
	X(program_stats, 69, program_stats_event)                                                   \
	X(host_stats, 70, host_stats_event)                                                         \
	X(self_stats, 71, self_stats_event)                                                         \
	X(netns_stats, 75, netns_stats_event)                                                       \
	X(netns_counters, 76, netns_counters_event)                                                 \
	X(stack, 72, stack_event)                                                                   \
	X(stack_frame, 73, stack_frame_event)

enum wire_kind {
#define X(name, number, type) WIRE_##name = number,
	WIRE_KINDS(X)
#undef X
	WIRE_KIND_MAX = 77,
	/* Kinds below this number are written by hooks and own a loss counter each. */
	WIRE_HOOK_KIND_MAX = 32,
	/* A bare event_header, an iterator's last word: its table has been read to the end. The reader takes it
	 * away: no stream and no recording has it. */
	WIRE_TABLE_END = 0xffff,
};

/* event_header.flags */
enum wire_flag {
	/* The task that made the change ran it itself: tgid and tid are the actor's. Unset: the event
	 * came in a softirq or another task's context; tgid and tid are 0. */
	WIRE_FLAG_PROCESS = 1 << 0,
	/* Written by the second-chance program, because the first was busy on this CPU. */
	WIRE_FLAG_SECOND_CHANCE = 1 << 1,
	/* tcp_state: SOCK_DONE was set: the peer's FIN has been received. */
	WIRE_FLAG_SOCK_DONE = 1 << 2,
	/* tcp_state: SOCK_DEAD was set: no file refers to the socket any more (an orphan). */
	WIRE_FLAG_SOCK_DEAD = 1 << 3,
	/* fd_close of a socket, socket_close: it was the last reference to the file. */
	WIRE_FLAG_LAST_REFERENCE = 1 << 5,
	/* tcp_state, accept: the kernel's filter has found that the socket is not asked for; this is the last
	 * record of it. */
	WIRE_FLAG_UNWANTED = 1 << 6,
	/* time_wait, LEAVE: its network namespace is being taken down. */
	WIRE_FLAG_NETNS_ENDS = 1 << 7,
	/* fd_open, fd_close: other tasks use the table, too: fds_taken may hold numbers that they have only reserved. */
	WIRE_FLAG_SHARED_TABLE = 1 << 8,
	/* accept: the connection was reset before it was accepted. */
	WIRE_FLAG_SOCK_CLOSED = 1 << 9,
	/* existing_process: whoever looked may not see which descriptors these are. */
	WIRE_FLAG_FDS_HIDDEN = 1 << 10,
	/* accept: concluded from a number; it was one if nobody has accepted the connection yet. */
	WIRE_FLAG_PERHAPS = 1 << 11,
};

struct event_header {
	se_u16 kind; /* enum wire_kind */
	se_u16 size; /* bytes of the whole record, header included */
	se_u32 flags;
	se_u64 ktime_ns; /* CLOCK_MONOTONIC, as bpf_ktime_get_ns() */
	se_u32 tgid;     /* process id in the initial pid namespace; 0: unknown */
	se_u32 tid;
};

enum wire_family {
	WIRE_FAMILY_NONE = 0,
	WIRE_FAMILY_UNIX = 1,
	WIRE_FAMILY_IPV4 = 2,
	WIRE_FAMILY_IPV6 = 10,
};

/* Addresses are 16 bytes, network order; an IPv4 address is stored IPv4-mapped (::ffff:a.b.c.d) with
 * family IPV4, and so is an IPv4-mapped peer of an AF_INET6 socket: both ends of one connection look
 * the same whatever socket family each side used. All zero: not known or not bound. */
struct socket_tuple {
	se_u8 laddr[16];
	se_u8 raddr[16];
	se_u16 lport;
	se_u16 rport;
	se_u8 family;   /* enum wire_family, or the kernel's AF_ number for others */
	se_u8 protocol; /* IPPROTO_TCP 6, IPPROTO_UDP 17 …; 0 for unix */
	se_u8 type;     /* SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_RAW 3, SOCK_SEQPACKET 5 */
	se_u8 reserved;
};

/* socket, bind, listen, connect, accept, socket_close: one system call on one socket, at its end.
 * header.tgid/tid/comm are the caller's. */
struct socket_call_event {
	struct event_header header;
	se_u64 sk;       /* address of struct sock; 0: the call made none */
	se_u64 listener; /* accept: address of the listening struct sock; else 0 */
	struct socket_tuple tuple;
	se_u32 netns;  /* inode number of the network namespace */
	se_s32 fd;     /* the descriptor named or made; -1: none, or not known */
	se_s32 error;  /* 0 or a positive errno */
	se_s32 backlog; /* listen; else 0 */
	char comm[EVENT_COMM_LENGTH];
};

/* TCP states: include/net/tcp_states.h. TIME_WAIT (6) is never written by the tracepoint. */
enum wire_tcp_state {
	WIRE_TCP_ESTABLISHED = 1,
	WIRE_TCP_SYN_SENT = 2,
	WIRE_TCP_SYN_RECV = 3,
	WIRE_TCP_FIN_WAIT1 = 4,
	WIRE_TCP_FIN_WAIT2 = 5,
	WIRE_TCP_TIME_WAIT = 6,
	WIRE_TCP_CLOSE = 7,
	WIRE_TCP_CLOSE_WAIT = 8,
	WIRE_TCP_LAST_ACK = 9,
	WIRE_TCP_LISTEN = 10,
	WIRE_TCP_CLOSING = 11,
	WIRE_TCP_NEW_SYN_RECV = 12,
	WIRE_TCP_STATE_MAX = 13,
};

/* sock:inet_sock_set_state, for protocol TCP. With WIRE_FLAG_PROCESS tgid, tid and comm are those of the
 * task that holds the socket's lock; for CLOSE→SYN_SENT and CLOSE→LISTEN that is the owner, for →FIN_WAIT1 the
 * one that closes, and comm is filled (elsewhere comm is zero). */
struct tcp_state_event {
	struct event_header header;
	se_u64 sk;
	struct socket_tuple tuple; /* lport 0 at CLOSE→SYN_SENT unless bound */
	se_u32 netns;
	se_u8 old_state; /* enum wire_tcp_state */
	se_u8 new_state;
	se_u16 sk_error; /* sk->sk_err: at SYN_SENT→CLOSE why the connect failed */
	se_s32 fd;       /* the descriptor named by connect(2) or listen(2); -1: not known */
	se_s32 backlog;  /* CLOSE→LISTEN; else 0 */
	char comm[EVENT_COMM_LENGTH];
};

enum wire_time_wait_action {
	WIRE_TIME_WAIT_ENTER = 1,    /* a minisock was born, in substate */
	WIRE_TIME_WAIT_TURN = 2,     /* a FIN_WAIT2 minisock became TIME_WAIT */
	WIRE_TIME_WAIT_LEAVE = 3,    /* the minisock was freed */
	WIRE_TIME_WAIT_OVERFLOW = 4, /* none was born: tcp_max_tw_buckets was reached; substate: what it would have been */
};

/* Why a minisock was freed, as far as the kernel's state at that moment tells. */
enum wire_minisock_end {
	WIRE_MINISOCK_END_UNKNOWN = 0,
	WIRE_MINISOCK_EXPIRED = 1, /* its timer had run out */
	WIRE_MINISOCK_RESET = 2,   /* in the course of an RST for it */
	WIRE_MINISOCK_SYN = 3,     /* in the course of a SYN for it: a new connection takes its ends */
	WIRE_MINISOCK_KILLED = 4,  /* none of these: a connect() takes its ends, or it was ended by force */
};

/* Written only where the kernel's own functions can be hooked. */
struct time_wait_event {
	struct event_header header;
	se_u64 sk;       /* ENTER, OVERFLOW: the full socket it replaces; else 0 */
	se_u64 minisock; /* address of struct inet_timewait_sock; 0 at OVERFLOW */
	struct socket_tuple tuple;
	se_u32 netns;
	se_u8 action;   /* enum wire_time_wait_action */
	se_u8 substate; /* WIRE_TCP_FIN_WAIT2 or WIRE_TCP_TIME_WAIT */
	se_u8 end;      /* LEAVE: enum wire_minisock_end */
	se_u8 reserved;
};

/* X(name, number): kinds of descriptors, as INTERFACE names them. */
#define FD_KINDS(X)                                                                                 \
	X(other, 0) X(socket, 1) X(file, 2) X(dir, 3) X(pipe, 4) X(eventfd, 5) X(epoll, 6)          \
	X(timerfd, 7) X(signalfd, 8) X(inotify, 9) X(memfd, 10) X(io_uring, 11) X(pidfd, 12)        \
	X(bpf, 13) X(perf, 14) X(tty, 15) X(device, 16) X(fanotify, 17) X(userfaultfd, 18)
#define FD_KIND_COUNT 19

/* X(name, number): the way by which a descriptor came or went. */
#define FD_VIAS(X)                                                                                  \
	X(unknown, 0) X(open, 1) X(socket, 2) X(accept, 3) X(dup, 4) X(fork, 5) X(scm_rights, 6)    \
	X(exec, 7) X(exit, 8) X(close_range, 9) X(close, 10) X(pipe, 11) X(create, 12)              \
	X(pidfd_getfd, 13) X(io_uring, 14) X(seccomp, 15) X(unshare, 16)
#define FD_VIA_COUNT 17

enum fd_kind {
#define X(name, number) FD_KIND_##name = number,
	FD_KINDS(X)
#undef X
};

enum fd_via {
#define X(name, number) FD_VIA_##name = number,
	FD_VIAS(X)
#undef X
};

/* fd_open, fd_close. header.tgid is the process whose table changed; header.ktime_ns is stamped before the counting. */
#define FD_TAKEN_UNCOUNTED 0xffffu
struct fd_event {
	struct event_header header;
	se_u64 files; /* address of struct files_struct */
	se_u64 sk;    /* kind socket: address of struct sock; else 0 */
	se_u64 stack; /* fd_open: number of the way that led to the call; 0: not asked for, or not known */
	se_s32 fd;
	se_u8 fd_kind; /* enum fd_kind */
	se_u8 via;     /* enum fd_via */
	se_u16 fds_taken; /* numbers taken in the table, this change included; FD_TAKEN_UNCOUNTED */
	char comm[EVENT_COMM_LENGTH];
};

/* A descriptor that was not to be had. */
#define SYSTEM_CALL_UNKNOWN 0xffffffffu
struct fd_refused_event {
	struct event_header header;
	se_u64 stack; /* as in fd_event */
	se_u32 call;  /* number of the x86-64 system call; SYSTEM_CALL_UNKNOWN */
	se_s32 error; /* EMFILE or ENFILE */
	char comm[EVENT_COMM_LENGTH];
};

/* What the caller's registers held at the system call: those that a call preserves, and where it stood. */
struct user_registers {
	se_u64 ip, sp, bp, bx, r12, r13, r14, r15;
};

#define STACK_SAMPLE_BYTES 8192

/* The top of a user stack, the first time that its number came up. Never part of a recording: userspace unwinds it
 * at once, and writes stack and stack_frame records. The one record that is longer than EVENT_MAX_RECORD. */
struct stack_sample_event {
	struct event_header header;
	se_u64 stack; /* as in fd_event */
	se_u64 shape; /* identity of the stack_shape that is to be filled */
	struct user_registers registers;
	se_u32 bytes; /* how much of data is filled */
	se_u32 reserved;
	se_u8 data[STACK_SAMPLE_BYTES]; /* from sp on */
};

/* header.tgid/tid: the parent. Threads are not reported. */
struct fork_event {
	struct event_header header;
	se_u32 child_tgid;
	se_u32 child_fds; /* open descriptors copied to the child */
	char comm[EVENT_COMM_LENGTH];
};

struct exec_event {
	struct event_header header;
	char comm[EVENT_COMM_LENGTH]; /* the new name */
	char filename[EVENT_FILENAME_LENGTH];
};

/* The last thread of a process ends. */
struct exit_event {
	struct event_header header;
	se_u32 fds;       /* descriptors still open; FD_COUNT_UNKNOWN if the table was not readable */
	se_u32 exit_code; /* as wait(2) gives it */
	char comm[EVENT_COMM_LENGTH];
};
#define FD_COUNT_UNKNOWN 0xffffffffu

enum wire_socket_object {
	WIRE_SOCKET_FULL = 0,
	WIRE_SOCKET_TIME_WAIT = 1, /* inet_timewait_sock: state is tw_substate */
	WIRE_SOCKET_REQUEST = 2,   /* request_sock: state is SYN_RECV */
};

#define QUEUE_UNKNOWN 0xffffffffu

/* One socket found by an iterator. header.ktime_ns is the time of reading. */
struct existing_socket_event {
	struct event_header header;
	se_u64 sk; /* full sockets: struct sock; TIME_WAIT: the minisock; request: the request_sock; 0: not known */
	struct socket_tuple tuple;
	se_u32 netns;
	se_u8 state;  /* enum wire_tcp_state (also for udp: CLOSE or ESTABLISHED; unix: the same) */
	se_u8 object; /* enum wire_socket_object */
	se_u16 sk_error;
	/* As sock_diag gives them; QUEUE_UNKNOWN. */
	se_u32 receive_queue; /* LISTEN: connections waiting for accept(); else unread bytes (udp: of memory) */
	se_u32 send_queue;    /* LISTEN: the limit of the accept queue; else unsent or unacknowledged bytes */
	se_u64 inode;         /* of the sockfs file; 0: an orphan or minisock */
	union {
		se_u64 listener; /* request: its listener */
		se_u64 drops;    /* LISTEN: connections and packets dropped here: sk_drops, which wraps at 2^32 */
	};
};

/* One process found by an iterator (its leader). header.ktime_ns is stamped before the counting. */
struct existing_process_event {
	struct event_header header; /* tgid; tid == tgid */
	se_u64 files;
	se_u64 start_ns; /* task->start_boottime: orders processes by age */
	se_u32 parent_tgid;
	se_u32 fds_open; /* as many as readdir of /proc/PID/fd shows; FD_COUNT_UNKNOWN */
	se_s32 fds_highest; /* highest open descriptor; -1: none */
	se_u32 ns_tgid; /* the process's id in its own pid namespace */
	se_u64 fds_soft_limit;
	se_u64 fds_hard_limit;
	char comm[EVENT_COMM_LENGTH];
	se_u32 counting_ns; /* how long the counting took, low numbers first */
	se_u32 netns;       /* inode number of its network namespace; 0: unknown (recordings of earlier versions) */
};

/* One descriptor found by an iterator. */
struct existing_fd_event {
	struct event_header header; /* tgid */
	se_u64 files;
	se_u64 sk; /* kind socket: address of struct sock; else 0 */
	se_s32 fd;
	se_u8 fd_kind;
	se_u8 reserved[3];
};

#ifdef __cplusplus
#define WIRE_ASSERT_SIZE(type, bytes) static_assert(sizeof(type) == (bytes), #type)
#else
#define WIRE_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#endif
WIRE_ASSERT_SIZE(event_header, 24);
WIRE_ASSERT_SIZE(socket_tuple, 40);
WIRE_ASSERT_SIZE(socket_call_event, 112);
WIRE_ASSERT_SIZE(tcp_state_event, 104);
WIRE_ASSERT_SIZE(time_wait_event, 88);
WIRE_ASSERT_SIZE(fd_event, 72);
WIRE_ASSERT_SIZE(stack_sample_event, 8304);
WIRE_ASSERT_SIZE(fd_refused_event, 56);
WIRE_ASSERT_SIZE(fork_event, 48);
WIRE_ASSERT_SIZE(exec_event, 168);
WIRE_ASSERT_SIZE(exit_event, 48);
WIRE_ASSERT_SIZE(existing_socket_event, 104);
WIRE_ASSERT_SIZE(existing_process_event, 96);
WIRE_ASSERT_SIZE(existing_fd_event, 48);

/* The records that only userspace writes. */
#ifndef __bpf__
#include "sockeye/stream.h"
#endif

#endif
