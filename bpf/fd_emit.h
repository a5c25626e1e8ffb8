/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes fd_open, fd_close and the socket_close that a close implies, for one descriptor or for all of a
 * table. Global functions with plain numbers as arguments: the verifier looks at each once, however many
 * programs and loops call them. */
#ifndef SOCKEYE_FD_EMIT_H
#define SOCKEYE_FD_EMIT_H

#include "fd.h"
#include "filter.h"
#include "sock.h"
#include "user_stack.h"

/* Set by userspace before load when no hook on sock_close() reports the end of sockets: then closing the last
 * descriptor does. */
const volatile u32 config_closes_tell_sockets = 0;

/* `change`: an enum fd_via and these. */
#define FD_CHANGE_VIA 0xff
#define FD_CHANGE_CLOSE 0x100
#define FD_CHANGE_LAST 0x200 /* the last reference to a socket's file */
#define FD_CHANGE_CLOEXEC 0x400 /* write_fds: only those with close-on-exec */
#define FD_CHANGE_BOUNDED 0x1000 /* write_fds: only so many */
/* The bitmap tells how many there are now: as it stands, less the one whose bit is yet to be cleared, or with the one
 * whose bit is yet to be set. Without any of them nobody counts. */
#define FD_CHANGE_COUNT 0x2000
#define FD_CHANGE_COUNT_LESS 0x4000
#define FD_CHANGE_COUNT_MORE 0x8000
#define FD_CHANGE_COUNTS (FD_CHANGE_COUNT | FD_CHANGE_COUNT_LESS | FD_CHANGE_COUNT_MORE)

/* `address`: of a struct sock. Global functions keep the kernel stack of each chain of calls small, too. */
__noinline int write_socket_close(u64 address, s32 fd)
{
	struct socket_call_event *event = EVENT_RESERVE(socket_close, socket_call_event);
	struct sock *sk = (struct sock *)address;

	if (!event)
		return 0;
	header_set_current(&event->header);
	event->header.flags |= WIRE_FLAG_LAST_REFERENCE;
	event->sk = address;
	read_sock_tuple(&event->tuple, &event->netns, sk);
	event->fd = fd;
	read_process_comm(event->comm);
	event_submit(event);
	return 0;
}

/* /proc shows the table of a process's first thread; what other threads do to tables of their own counts nowhere. */
static __always_inline bool is_process_table(struct files_struct *files, u64 id)
{
	struct task_struct *task;

	if (id >> 32 == (u32)id)
		return true;
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, group_leader, files) == files;
}

static __always_inline void count_taken(struct fd_event *event, struct files_struct *files, u32 change, u64 id)
{
	u32 taken;

	event->fds_taken = FD_TAKEN_UNCOUNTED;
	if (!(change & FD_CHANGE_COUNTS) || !is_process_table(files, id))
		return;
	/* Read back from the record, where the verifier forgets that it was a pointer. */
	taken = count_small_table(*(volatile u64 *)&event->files);
	if (taken == FD_COUNT_UNKNOWN)
		return;
	if (change & FD_CHANGE_COUNT_MORE)
		taken++;
	else if (change & FD_CHANGE_COUNT_LESS)
		taken--;
	event->fds_taken = taken;
	if (BPF_CORE_READ(files, count.counter) != 1)
		event->header.flags |= WIRE_FLAG_SHARED_TABLE;
}

/* A descriptor that the current task has just asked for; not one that a fork copied or a kernel worker installed. */
static __always_inline bool is_made_by_call(u32 change)
{
	u32 via = change & FD_CHANGE_VIA;

	return !(change & FD_CHANGE_CLOSE) && via != FD_VIA_fork && via != FD_VIA_unshare && via != FD_VIA_io_uring;
}

static __always_inline void write_fd_event(struct files_struct *files, s32 fd, u32 kind, struct sock *sk, u32 change,
					   u64 id)
{
	struct fd_event *event;
	u64 stack = 0;

	if ((config_features & FEATURE_STACKS) && is_made_by_call(change))
		stack = stack_of_new_descriptor();
	if (change & FD_CHANGE_CLOSE)
		event = EVENT_RESERVE(fd_close, fd_event);
	else
		event = EVENT_RESERVE(fd_open, fd_event);
	if (!event)
		return;
	event->header.flags = (id ? WIRE_FLAG_PROCESS : 0) | (change & FD_CHANGE_LAST ? WIRE_FLAG_LAST_REFERENCE : 0);
	event->header.tgid = id >> 32;
	event->header.tid = (u32)id;
	event->files = (u64)files;
	event->sk = (u64)sk;
	event->stack = stack;
	event->fd = fd;
	event->fd_kind = kind;
	event->via = change & FD_CHANGE_VIA;
	count_taken(event, files, change, id);
	if (id >> 32 == (u32)id)
		bpf_get_current_comm(event->comm, sizeof(event->comm));
	else
		read_process_comm(event->comm);
	event_submit(event);
}

/* One descriptor of `files` came or went. `id`: whose, as bpf_get_current_pid_tgid() gives it. A process that is
 * being forked has the name of the thread that forks, which is the current one. Returns the struct sock whose
 * end the caller has to write with write_socket_close(); 0: none. */
static __always_inline u64 write_fd_record(struct files_struct *files, struct file *file, s32 fd, u32 change, u64 id)
{
	u32 kind = kind_of_file(file);
	struct sock *sk = NULL;

	if (kind == FD_KIND_socket) {
		sk = sock_of_socket_file(file);
		if ((change & FD_CHANGE_CLOSE) && is_last_reference(file))
			change |= FD_CHANGE_LAST;
	}
	if (config_features & FEATURE_DESCRIPTORS)
		write_fd_event(files, fd, kind, sk, change, id);
	if (config_closes_tell_sockets && (config_features & FEATURE_SOCKET_CLOSE) && (change & FD_CHANGE_LAST))
		return (u64)sk;
	return 0;
}

/* The same, and the end of the socket. */
static __always_inline void write_fd_change(struct files_struct *files, struct file *file, s32 fd, u32 change, u64 id)
{
	u64 ended = write_fd_record(files, file, fd, change, id);

	if (ended)
		write_socket_close(ended, fd);
}

/* One of the many that a walk writes. It counts nothing: the counting's frames on top of the walk's are more than the
 * 512 bytes of stack that a program may use. */
__noinline u64 write_fd(u64 files, u64 file, s32 fd, u32 change, u64 id)
{
	return write_fd_record((struct files_struct *)files, (struct file *)file, fd, change & ~FD_CHANGE_COUNTS, id);
}

static __always_inline u32 lowest_bit(u64 word)
{
	return popcount64((word & -word) - 1);
}

/* The open descriptors of 64, as bits; with FD_CHANGE_CLOEXEC only those that exec would close. */
static __always_inline u64 read_open_word(struct fdtable *table, u32 index, u32 change)
{
	unsigned long *bits = BPF_CORE_READ(table, open_fds);
	u64 word = 0, marked = 0;

	bpf_probe_read_kernel(&word, sizeof(word), &bits[index]);
	if (!(change & FD_CHANGE_CLOEXEC))
		return word;
	bits = BPF_CORE_READ(table, close_on_exec);
	bpf_probe_read_kernel(&marked, sizeof(marked), &bits[index]);
	return word & marked;
}

/* Writes a record for each open descriptor of the 64 from index × 64 on; `range`: first | last << 32. Returns
 * how many. */
__noinline u64 write_word(u64 address, u32 index, u64 range, u32 change, u64 id)
{
	struct fdtable *table = BPF_CORE_READ((struct files_struct *)address, fdt);
	struct file **slots = BPF_CORE_READ(table, fd);
	u32 first = range, last = range >> 32, base = index * 64;
	u64 word = read_open_word(table, index, change), written;

	if (base < first)
		word &= ~0ULL << (first & 63);
	if (last - base < 63)
		word &= ~0ULL >> (63 - (last & 63));
	written = popcount64(word);
	for (u32 i = 0; i < 64; i++) {
		struct file *file = NULL;
		u64 ended;
		u32 fd;

		if (!word)
			break;
		fd = base + lowest_bit(word);
		word &= word - 1;
		bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
		if (!file)
			continue;
		ended = write_fd(address, (u64)file, fd, change, id);
		if (ended)
			write_socket_close(ended, fd);
	}
	return written;
}

/* How much of a table is written at once: 65,536 numbers; with FD_CHANGE_BOUNDED about 256 descriptors, the
 * rest is told by the counts in fork and exit records. What is beyond shows in sweeps. */
#define FD_WALK_WORDS 1024
#define FD_WALK_BOUND 256

/* Writes a record for each open descriptor from first to last. */
__noinline int write_fds(u64 address, u32 first, u32 last, u32 change, u64 id)
{
	u32 max_fds = BPF_CORE_READ((struct files_struct *)address, fdt, max_fds);
	u64 written = 0, bound = change & FD_CHANGE_BOUNDED ? FD_WALK_BOUND : ~0ULL;
	u64 range;

	if (last >= max_fds)
		last = max_fds - 1;
	if (!max_fds || first > last)
		return 0;
	range = first | (u64)last << 32;
	for (u32 i = 0; i < FD_WALK_WORDS; i++) {
		u32 index = first / 64 + i;

		if (index > last / 64 || written >= bound)
			break;
		written += write_word(address, index, range, change, id);
	}
	return 0;
}

#endif
