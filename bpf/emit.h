/* SPDX-License-Identifier: GPL-2.0-only */
/* The only place that reserves ring buffer space and counts what did not fit. */
#ifndef SOCKEYE_EMIT_H
#define SOCKEYE_EMIT_H

#include "maps.h"

/* EVENT_RESERVE(tcp_state, tcp_state_event): a zeroed record with kind, size and time filled, or NULL
 * after counting the loss. The time is taken before the reservation. */
#define EVENT_RESERVE(name, type)                                                                    \
	({                                                                                           \
		u64 now_ = bpf_ktime_get_ns();                                                       \
		struct type *record_ = bpf_ringbuf_reserve(&events, sizeof(struct type), 0);         \
		if (record_) {                                                                       \
			__builtin_memset(record_, 0, sizeof(*record_));                              \
			record_->header.kind = WIRE_##name;                                          \
			record_->header.size = sizeof(*record_);                                     \
			record_->header.ktime_ns = now_;                                             \
		} else {                                                                             \
			__sync_fetch_and_add(&losses.reserve_failed[WIRE_##name], 1);                \
		}                                                                                    \
		record_;                                                                             \
	})

/* Submits without waking the reader: it drains on a timer. A wake-up costs the traced task more than the
 * record, so one is sent only by the record that crosses the fill mark. */
static __always_inline void event_submit(void *record)
{
	u64 waiting = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	u64 mark = config_wakeup_bytes;

	if (waiting >= mark && waiting < mark + EVENT_MAX_RECORD)
		bpf_ringbuf_submit(record, BPF_RB_FORCE_WAKEUP);
	else
		bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
}

static __always_inline void count_map_failure(enum loss_map map)
{
	__sync_fetch_and_add(&losses.map_failed[map], 1);
}

/* Fills tgid and tid with the current task's. */
static __always_inline void header_set_current(struct event_header *header)
{
	u64 id = bpf_get_current_pid_tgid();

	header->tgid = id >> 32;
	header->tid = (u32)id;
	header->flags |= WIRE_FLAG_PROCESS;
}

#endif
