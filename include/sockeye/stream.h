/* SPDX-License-Identifier: GPL-2.0-only */
/* The wire records that userspace adds to the stream: what a run is, when a sweep begins and ends, the ticks,
 * and all that only /proc or the tracer itself can tell. BPF programs never see them. Included by event.h. */
#ifndef SOCKEYE_STREAM_H
#define SOCKEYE_STREAM_H

#include "sockeye/event.h"

#define RUN_TEXT_LENGTH 64

enum wire_time_wait_hooks {
	WIRE_HOOKS_MINISOCKS = 1 << 0, /* births, turns and ends are reported: exact event by event */
	WIRE_HOOKS_OVERFLOWS = 1 << 1, /* and so are those that were not born for want of room */
};

/* First record of every stream. */
struct run_event {
	struct event_header header;
	se_s64 wall_offset_ns; /* CLOCK_REALTIME − CLOCK_MONOTONIC when it was written */
	se_u32 self_tgid;      /* our own process: never shown */
	se_u32 features;       /* bit set of the observed features (userspace/probes/feature.h) */
	se_u32 time_wait_hooks; /* bit set of wire_time_wait_hooks; 0: inferred from states and sweeps */
	se_u32 host_netns;      /* the network namespace that the tracer itself lives in */
	char host[RUN_TEXT_LENGTH];
	char kernel[RUN_TEXT_LENGTH];
};

enum sweep_table {
	SWEEP_TCP = 1, /* every TCP socket, minisock and request of one netns */
	SWEEP_UDP = 2,
	SWEEP_UNIX = 3,
	SWEEP_PROCESSES = 4,
	SWEEP_FDS = 5,
};

enum sweep_mark {
	SWEEP_BEGIN = 1,
	SWEEP_END = 2,    /* the table was read whole: what was not seen is gone */
	SWEEP_FAILED = 3, /* the table could not be read, or not to its end: nothing may be removed */
};

/* Encloses the existing_* records of one reading of one table. */
#define SWEEP_NAME_LENGTH 64 /* longer names are cut at the front */
struct sweep_event {
	struct event_header header; /* ktime_ns: the time of the mark */
	se_u32 table; /* enum sweep_table */
	se_u32 netns; /* SWEEP_TCP, _UDP, _UNIX: which namespace; else 0 */
	se_u32 mark;  /* enum sweep_mark */
	se_s32 error; /* SWEEP_FAILED: positive errno */
	/* The file that a namespace was found by, if it was a mounted one; with netns 0 that file is none of a network
	 * namespace, or cannot be opened. Else empty. */
	char name[SWEEP_NAME_LENGTH];
};

enum tick_reason {
	TICK_READY = 1,    /* the baseline has been read */
	TICK_INTERVAL = 2, /* a snapshot is due */
	TICK_END = 3,      /* the last record of a stream that ended in order */
};

struct tick_event {
	struct event_header header;
	se_s64 wall_offset_ns;
	se_u32 reason; /* enum tick_reason */
	se_u32 reserved;
};

#define PROCESS_INFO_CGROUP_LENGTH 512

/* What only /proc tells of a process. */
struct process_info_event {
	struct event_header header; /* tgid */
	char cgroup[PROCESS_INFO_CGROUP_LENGTH]; /* path below the cgroup mount; empty: unknown */
};

#define LOST_CLASS_LENGTH 40

/* Something was lost since the last such record of that class. */
struct lost_event {
	struct event_header header;
	se_u64 count;
	char loss_class[LOST_CLASS_LENGTH]; /* "tcp_state", "skipped:tcp_state", "map:owner" … */
};

#define PROGRAM_NAME_LENGTH 40

/* One BPF program's totals since it was loaded. */
struct program_stats_event {
	struct event_header header;
	se_u64 run_ns;   /* 0 unless kernel.bpf_stats_enabled */
	se_u64 run_count; /* 0 unless kernel.bpf_stats_enabled */
	se_u64 recursion_misses;
	char name[PROGRAM_NAME_LENGTH];
};

struct host_stats_event {
	struct event_header header;
	se_u64 files_open; /* /proc/sys/fs/file-nr, first number */
	se_u64 files_max;
	se_u32 time_wait_max; /* net.ipv4.tcp_max_tw_buckets */
	se_u16 port_low;      /* net.ipv4.ip_local_port_range */
	se_u16 port_high;
	se_u32 reserved_ports; /* how many of that range ip_local_reserved_ports takes away */
	se_u32 time_wait_reuse; /* net.ipv4.tcp_tw_reuse plus 1; 0: unknown */
	se_u64 time_wait_overflows; /* TcpExt TCPTimeWaitOverflow since boot */
	se_u64 listen_overflows;    /* TcpExt ListenOverflows since boot */
};

struct self_stats_event {
	struct event_header header;
	se_u64 cpu_ns; /* our own user and system time */
	se_u64 rss_bytes;
	se_u64 ring_bytes; /* size of the ring buffer */
	se_u64 ring_high_bytes; /* the most that was found waiting in it */
};

/* The same limits in a network namespace other than the tracer's own, read with its sockets. */
struct netns_stats_event {
	struct event_header header;
	se_u32 netns;
	se_u16 port_low;
	se_u16 port_high;
	se_u32 reserved_ports;
	se_u32 time_wait_max;
	se_u32 time_wait_reuse; /* as in host_stats_event */
	se_u32 reserved;
};

/* A namespace's own counters, read when its table of TCP sockets has just been read. */
struct netns_counters_event {
	struct event_header header;
	se_u32 netns;
	se_u32 netns_cookie; /* the lower half: `netns` is given to another namespace soon, this is not */
	/* TcpExt TW plus TWKilled: every minisock since the namespace began, those in FIN_WAIT2 too
	 * (__inet_twsk_schedule(), net/ipv4/inet_timewait_sock.c). */
	se_u64 minisocks_born;
};

enum wire_stack_end {
	WIRE_STACK_WHOLE = 0,     /* down to the thread's first function */
	WIRE_STACK_CUT_OFF = 1,   /* what was copied ended */
	WIRE_STACK_NO_WAY_ON = 2, /* no call frame information for the last frame */
	WIRE_STACK_UNREADABLE = 3, /* the process had ended, or its map could not be read */
};

/* A number that fd_open records carry, and the way through the program that it stands for: many numbers may stand for
 * one way. */
struct stack_event {
	struct event_header header; /* tgid */
	se_u64 stack;  /* as in fd_event */
	se_u64 frames; /* as in stack_frame_event; 0: WIRE_STACK_UNREADABLE */
	se_u32 end;    /* enum wire_stack_end */
	se_u32 reserved;
};

#define FRAME_FUNCTION_LENGTH 320
#define FRAME_PATH_LENGTH 240
#define FRAME_BUILD_ID_LENGTH 48

/* One frame. All frames of a way come in order, before the first stack_event that names it. */
struct stack_frame_event {
	struct event_header header; /* tgid of the process in which the way was met first */
	se_u64 frames; /* number of the way */
	se_u64 address;
	se_u64 offset; /* from the beginning of the module's file */
	se_u16 index;  /* 0: innermost */
	se_u16 count;  /* of frames */
	se_u32 line;   /* 0: not known */
	char function[FRAME_FUNCTION_LENGTH]; /* demangled; empty: no symbol. Longer names are cut at the end. */
	char module[FRAME_PATH_LENGTH];       /* empty: in no file. Longer paths are cut at the front. */
	char source[FRAME_PATH_LENGTH];       /* source file; empty: no debug information */
	char build_id[FRAME_BUILD_ID_LENGTH]; /* hexadecimal; empty: none */
};

WIRE_ASSERT_SIZE(stack_event, 48);
WIRE_ASSERT_SIZE(stack_frame_event, 904);
WIRE_ASSERT_SIZE(run_event, 176);
WIRE_ASSERT_SIZE(sweep_event, 104);
WIRE_ASSERT_SIZE(tick_event, 40);
WIRE_ASSERT_SIZE(process_info_event, 536);
WIRE_ASSERT_SIZE(lost_event, 72);
WIRE_ASSERT_SIZE(program_stats_event, 88);
WIRE_ASSERT_SIZE(host_stats_event, 72);
WIRE_ASSERT_SIZE(self_stats_event, 56);
WIRE_ASSERT_SIZE(netns_stats_event, 48);
WIRE_ASSERT_SIZE(netns_counters_event, 40);

#endif
