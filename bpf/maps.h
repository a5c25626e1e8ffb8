/* SPDX-License-Identifier: GPL-2.0-only */
/* Every map and every variable that userspace sets before load. Each says who writes, deletes and reads. */
#ifndef SOCKEYE_MAPS_H
#define SOCKEYE_MAPS_H

#include "kernel_types.h"
#include "settings.h"
#include "sockeye/event.h"

/* Decided by userspace before load; the verifier drops what they rule out. */
const volatile u32 config_features = 0;   /* bits of userspace/events/feature.h */
const volatile u32 config_self_tgid = 0;  /* our own process: never reported */
const volatile u64 config_wakeup_bytes = 1 << 20; /* wake the reader when so much waits in the ring */

enum {
	FEATURE_TCP_STATE = 1 << 0,
	FEATURE_TIME_WAIT = 1 << 1,
	FEATURE_ACCEPT_OWNER = 1 << 2,
	FEATURE_ACCEPT_CALLS = 1 << 3,
	FEATURE_CONNECT_CALLS = 1 << 4,
	FEATURE_SOCKET_CALLS = 1 << 5,
	FEATURE_SOCKET_CLOSE = 1 << 6,
	FEATURE_DESCRIPTORS = 1 << 7,
	FEATURE_PROCESSES = 1 << 8,
	FEATURE_STACKS = 1 << 9,
	FEATURE_REFUSALS = 1 << 10,
};

/* All events. Written by every hook through emit.h, drained by userspace. Its size is set before load. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} events SEC(".maps");

/* Written by emit.h and by failed map updates, read by userspace. */
struct loss_counters losses = {};

#endif
