/* SPDX-License-Identifier: GPL-2.0-only */
/* What all iterators do at their end. The kernel runs their program once more, without an object, after the last. */
#ifndef SOCKEYE_ITERATOR_H
#define SOCKEYE_ITERATOR_H

#include "maps.h"

/* Without this word a reader can't know that it is done: before 5.15 (04c7820b776f) a read behind the end of
 * iter/tcp counts the sockets from the table's beginning and hands out those beyond the number that it has handed
 * out before. While sockets keep coming that never ends, and each such read walks the whole table. iter/udp,
 * iter/task and iter/task_file go on with whatever came meanwhile, too. */
static __always_inline int end_of_table(struct bpf_iter_meta *meta)
{
	struct event_header end;

	__builtin_memset(&end, 0, sizeof(end));
	end.kind = WIRE_TABLE_END;
	end.size = sizeof(end);
	end.ktime_ns = bpf_ktime_get_ns();
	bpf_seq_write(meta->seq, &end, sizeof(end));
	return 0;
}

#endif
