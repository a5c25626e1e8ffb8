/* SPDX-License-Identifier: GPL-2.0-only */
/* The variables that BPF programs and userspace share besides records: what userspace decides before load,
 * and what the programs count. Plain C, included by maps.h and filter.h, and by the userspace file that
 * includes the skeleton. */
#ifndef SOCKEYE_SETTINGS_H
#define SOCKEYE_SETTINGS_H

#include "sockeye/event.h"

/* Which maps can fail to take an entry; index of losses.map_failed. X(name as in "map:name", number) */
#define LOSS_MAPS(X)                                                                                \
	X(ignored_sockets, IGNORED_SOCKETS, 0)                                                      \
	X(fin_wait2_minisocks, FIN_WAIT2, 1)                                                        \
	X(filter_tgids, FILTER_TGIDS, 2)                                                            \
	X(descriptors, DESCRIPTORS, 3)

enum loss_map {
#define X(name, constant, number) LOSS_MAP_##constant = number,
	LOSS_MAPS(X)
#undef X
	LOSS_MAP_COUNT = 8,
};

/* What went missing, since load. Written by emit.h and by failed map updates, read by userspace. */
struct loss_counters {
	se_u64 reserve_failed[WIRE_HOOK_KIND_MAX]; /* by wire kind: the ring buffer was full */
	se_u64 map_failed[LOSS_MAP_COUNT];
	se_u64 second_chance_hits; /* state changes that the first program was too busy for, and a later one saw */
	se_u64 minisocks_caught[4]; /* by enum wire_time_wait_action: those that only a second chance saw */
};

/* State changes that a program has handled, for those after it on the same tracepoint, of which the last takes the mark
 * away. Several in a cache line. */
#define HANDLED_WAYS 4
struct handled_change {
	se_u64 sk;         /* 0: free */
	se_u32 transition; /* old state << 8 | new state */
	se_u32 reserved;
};
struct handled_line {
	struct handled_change marks[HANDLED_WAYS];
};

/* A cache line: where the return addresses stand, for one way into a system call: words from sp. `identity` is written by BPF, slots
 * by userspace, `count` last. */
#define STACK_SHAPE_SLOTS 12
struct stack_shape {
	se_u64 identity;
	se_u64 copies; /* made while count is 0 */
	se_u32 count;
	se_u16 slots[STACK_SHAPE_SLOTS];
	se_u32 reserved[5];
};

/* How many stacks have been copied in the present tenth of a second. Written and read by BPF. */
struct stack_budget {
	se_u64 period;
	se_u64 copies;
};

#define FILTER_MAX_PREFIXES 8

enum filter_flag {
	FILTER_TGIDS = 1 << 0,       /* only tgids in filter_tgids */
	FILTER_FOLLOW = 1 << 1,      /* children of those, too: fork adds them */
	FILTER_NETNS = 1 << 2,       /* only config_filter.netns */
	FILTER_FAMILY = 1 << 3,      /* only config_filter.family */
	FILTER_ANY_PORT = 1 << 4,    /* filter_ports bit 0: either end */
	FILTER_LOCAL_PORT = 1 << 5,  /* filter_ports bit 1 */
	FILTER_REMOTE_PORT = 1 << 6, /* filter_ports bit 2 */
	FILTER_PREFIXES = 1 << 7,    /* either address in one of the prefixes */
};

/* Addresses as in struct socket_tuple: two words in network order each. */
struct filter_prefix {
	se_u64 address[2];
	se_u64 mask[2];
};

struct filter_config {
	se_u32 flags; /* enum filter_flag */
	se_u32 netns;
	se_u32 family; /* enum wire_family */
	se_u32 prefix_count;
	struct filter_prefix prefixes[FILTER_MAX_PREFIXES];
};

#endif
