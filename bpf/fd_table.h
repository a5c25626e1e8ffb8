/* SPDX-License-Identifier: GPL-2.0-only */
/* The descriptor table itself: fd → file → socket, and the absolute count. Counts are never summed from
 * events; whoever needs one reads the bitmap. */
#ifndef SOCKEYE_FD_TABLE_H
#define SOCKEYE_FD_TABLE_H

#include "kernel_compat.h"

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define IPPROTO_MPTCP 262

/* A table of descriptors: where its slots are, and how many. */
struct fd_slots {
	struct files_struct *files;
	struct file **slots;
	u32 max_fds;
};

static __always_inline void slots_of_files(struct fd_slots *slots, struct files_struct *files)
{
	struct fdtable *table = BPF_CORE_READ(files, fdt);

	slots->files = files;
	slots->max_fds = BPF_CORE_READ(table, max_fds);
	slots->slots = BPF_CORE_READ(table, fd);
}

static __always_inline struct files_struct *current_files(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, files);
}

/* bpf_get_current_task_btf() came in 5.11 (3ca1032ab7ab); its pointers need no helper call to follow. */
static __always_inline void slots_of_current(struct fd_slots *slots)
{
	slots->files = NULL;
	slots->slots = NULL;
	slots->max_fds = 0;
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		struct files_struct *files = bpf_get_current_task_btf()->files;
		struct fdtable *table;

		if (!files)
			return;
		table = files->fdt;
		if (!table)
			return;
		slots->files = files;
		slots->max_fds = table->max_fds;
		slots->slots = table->fd;
	} else {
		slots_of_files(slots, current_files());
	}
}

/* The file behind a descriptor; NULL when it is closed. Another thread may close it meanwhile: then what was
 * read is stale but never wrong memory. */
static __always_inline struct file *file_in_slots(const struct fd_slots *slots, s32 fd)
{
	struct file *file = NULL;

	if (fd < 0 || (u32)fd >= slots->max_fds)
		return NULL;
	bpf_probe_read_kernel(&file, sizeof(file), &slots->slots[(u32)fd]);
	return file;
}

static __always_inline struct file *file_of_fd(struct files_struct *files, s32 fd)
{
	struct fd_slots slots;

	slots_of_files(&slots, files);
	return file_in_slots(&slots, fd);
}

/* Address of the kernel's socket_file_ops, learned from the first socket met: it saves the look into the inode
 * for all others. Written and read here only. */
u64 socket_file_operations = 0;

/* The socket that hooks and tables know: of an MPTCP socket its first subflow. NULL: it has none yet (newer kernels make
 * it at the first bind, connect or listen). Subflows that join later have no descriptor and are nobody's here. */
static __always_inline struct sock *tcp_beneath(struct sock *sk)
{
	struct sock *first = NULL;

	if (!sk || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_MPTCP)
		return sk;
	if (bpf_core_field_exists(((struct mptcp_sock *)0)->first))
		bpf_core_read(&first, sizeof(first), &((struct mptcp_sock *)sk)->first);
	return first;
}

/* The socket behind a file; NULL if it is none. */
static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket;
	u64 operations;

	if (!file)
		return NULL;
	operations = (u64)BPF_CORE_READ(file, f_op);
	if (operations != socket_file_operations) {
		if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
			return NULL;
		socket_file_operations = operations;
	}
	socket = BPF_CORE_READ(file, private_data);
	return tcp_beneath(BPF_CORE_READ(socket, sk));
}

static __always_inline u64 popcount64(u64 x)
{
	x -= (x >> 1) & 0x5555555555555555ULL;
	x = (x & 0x3333333333333333ULL) + ((x >> 2) & 0x3333333333333333ULL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
	return (x * 0x0101010101010101ULL) >> 56;
}

#define FD_CHUNK_WORDS 8
#define FD_CHUNK_BITS (FD_CHUNK_WORDS * 64)
#define FD_GROUP_CHUNKS 32
#define FD_MAX_GROUPS 64 /* 1,048,576 descriptors: fs.nr_open's default */

#define FD_SLOTS_READ 16 /* pointers at once; a table has a multiple of 64 */
#define FD_SLOTS_GROUP (128 * FD_SLOTS_READ)
#define FD_MAX_SLOT_GROUPS (FD_MAX_GROUPS * FD_GROUP_CHUNKS * FD_CHUNK_BITS / FD_SLOTS_GROUP)

struct fd_count {
	u32 open;    /* as many as readdir of /proc/PID/fd shows; FD_COUNT_UNKNOWN: too large a table */
	s32 highest; /* -1: none */
};

/* All ones if any bit is set, without a branch: the verifier walks every step of a loop in each way that its
 * branches allow. One barrier comes before the shift, where the compiler would still see a comparison with 0, and one
 * after it, where it would make the mask a jump. */
static __always_inline u64 mask_if_any(u64 bits)
{
	u64 sign = bits | -bits;
	s64 mask;

	barrier_var(sign);
	mask = (s64)sign >> 63;
	barrier_var(mask);
	return (u64)mask;
}

/* Which words of a chunk a table has: all, or the first 1, 2 or 4 of a table with fewer than 512 descriptors. */
struct chunk_masks {
	u64 second, half, rest;
};

static __always_inline void set_chunk_masks(struct chunk_masks *masks, u32 table_words)
{
	masks->second = mask_if_any(table_words >> 1);
	masks->half = mask_if_any(table_words >> 2);
	masks->rest = mask_if_any(table_words >> 3);
}

static __always_inline void read_chunk(u64 chunk[FD_CHUNK_WORDS], const void *bits, const struct chunk_masks *masks)
{
	bpf_probe_read_kernel(chunk, FD_CHUNK_WORDS * sizeof(u64), bits);
	chunk[1] &= masks->second;
	chunk[2] &= masks->half;
	chunk[3] &= masks->half;
	chunk[4] &= masks->rest;
	chunk[5] &= masks->rest;
	chunk[6] &= masks->rest;
	chunk[7] &= masks->rest;
}

/* Counts the open bits of up to 32 chunks and finds the last chunk that has any: open bits | (that chunk's
 * index + 1) << 32. A global function: the verifier looks at it once, not at each step of the walk below. */
__noinline u64 count_chunks(u64 bits, u32 chunks, u32 table_words)
{
	u64 chunk[FD_CHUNK_WORDS] = {};
	struct chunk_masks masks;
	u64 open = 0, last = 0;

	set_chunk_masks(&masks, table_words);
	for (u32 i = 0; i < FD_GROUP_CHUNKS; i++) {
		u64 any;

		if (i >= chunks)
			break;
		read_chunk(chunk, (const void *)(bits + i * sizeof(chunk)), &masks);
		any = chunk[0] | chunk[1] | chunk[2] | chunk[3] | chunk[4] | chunk[5] | chunk[6] | chunk[7];
		open += popcount64(chunk[0]) + popcount64(chunk[1]) + popcount64(chunk[2]) + popcount64(chunk[3]) +
			popcount64(chunk[4]) + popcount64(chunk[5]) + popcount64(chunk[6]) + popcount64(chunk[7]);
		any = mask_if_any(any);
		last = (any & (i + 1)) | (~any & last);
	}
	return open | last << 32;
}

/* Counts the slots that hold a file, of up to FD_SLOTS_GROUP, and finds the last 16 that have any: files |
 * (number of the first of those 16 + 1) << 32. A bit is set as soon as its descriptor is reserved; for a thread that
 * waits in accept() that is long before there is a file, and readdir does not show it. The kernel's addresses all
 * have their highest bit set. */
__noinline u64 count_files(u64 slots, u32 max_fds)
{
	u64 files[FD_SLOTS_READ] = {};
	u64 open = 0, last = 0;

	for (u32 i = 0; i < FD_SLOTS_GROUP; i += FD_SLOTS_READ) {
		u64 any = 0;

		if (i >= max_fds)
			break;
		bpf_probe_read_kernel(files, sizeof(files), (const void *)(slots + i * sizeof(u64)));
#pragma unroll
		for (u32 j = 0; j < FD_SLOTS_READ; j++) {
			open += files[j] >> 63;
			any |= files[j];
		}
		any = mask_if_any(any);
		last = (any & (i + 1)) | (~any & last);
	}
	return open | last << 32;
}

/* The walks over a whole table are global functions of their own: what the verifier learns about a table's size
 * from leaving one walk would make it go through the next one anew for each way out. Files among the first `end`
 * slots | (number of the first of the last 16 that have any + 1) << 32. */
__noinline u64 count_files_of(u64 address, u32 end)
{
	struct fdtable *table = BPF_CORE_READ((struct files_struct *)address, fdt);
	u64 slots = (u64)BPF_CORE_READ(table, fd);
	u32 max_fds = BPF_CORE_READ(table, max_fds);
	u64 open = 0, last = 0;

	if (max_fds > end)
		max_fds = end;
	for (u32 i = 0; i < FD_MAX_SLOT_GROUPS; i++) {
		u32 first = i * FD_SLOTS_GROUP;
		u64 found, any;

		if (first >= max_fds)
			break;
		found = count_files(slots + first * sizeof(u64), max_fds - first);
		open += (u32)found;
		found >>= 32;
		any = mask_if_any(found);
		last = (any & (first + found)) | (~any & last);
	}
	return open | last << 32;
}

/* Open bits | (index of the last chunk that has any + 1) << 32; 0: none. */
__noinline u64 count_bits_of(u64 address)
{
	struct fdtable *table = BPF_CORE_READ((struct files_struct *)address, fdt);
	u64 bits = (u64)BPF_CORE_READ(table, open_fds);
	u32 max_fds = BPF_CORE_READ(table, max_fds);
	u32 chunks = (max_fds + FD_CHUNK_BITS - 1) / FD_CHUNK_BITS;
	u64 open = 0, last = 0;

	for (u32 i = 0; i < FD_MAX_GROUPS; i++) {
		u32 first = i * FD_GROUP_CHUNKS;
		u64 found, any;

		if (first >= chunks)
			break;
		found = count_chunks(bits + first * FD_CHUNK_WORDS * sizeof(u64), chunks - first, max_fds / 64);
		open += (u32)found;
		found >>= 32;
		any = mask_if_any(found);
		last = (any & (first + found)) | (~any & last);
	}
	return open | last << 32;
}

/* The numbers taken in a table of at most 1024, the usual soft limit; FD_COUNT_UNKNOWN: it is larger. For every event,
 * so that it may not cost more than the event: sweeps count larger ones. In parts of 64 bytes: it is called from deep
 * chains, and all their frames share 512 bytes. */
#define FD_SMALL_TABLE 1024
#define FD_SMALL_PART 64
__noinline u32 count_small_table(u64 address)
{
	struct fdtable *table = BPF_CORE_READ((struct files_struct *)address, fdt);
	u64 bits = (u64)BPF_CORE_READ(table, open_fds), words[FD_SMALL_PART / 8];
	u32 left = BPF_CORE_READ(table, max_fds) / 8, taken = 0;

	if (left > FD_SMALL_TABLE / 8)
		return FD_COUNT_UNKNOWN;
	for (u32 part = 0; part < FD_SMALL_TABLE / 8 / FD_SMALL_PART && left; part++) {
		const void *from = (const void *)(bits + part * FD_SMALL_PART);

		if (left < FD_SMALL_PART) {
			__builtin_memset(words, 0, sizeof(words));
			/* The compiler knows that the mask changes nothing; the verifier has to be told. */
			asm volatile("" : "+r"(left));
			bpf_probe_read_kernel(words, left & (FD_SMALL_PART - 1), from);
			left = 0;
		} else {
			bpf_probe_read_kernel(words, sizeof(words), from);
			left -= FD_SMALL_PART;
		}
		for (u32 i = 0; i < FD_SMALL_PART / 8; i++)
			taken += popcount64(words[i]);
	}
	return taken;
}

static __always_inline bool is_table_readable(u64 address)
{
	return address && BPF_CORE_READ((struct files_struct *)address, fdt, max_fds) <=
				  FD_MAX_GROUPS * FD_GROUP_CHUNKS * FD_CHUNK_BITS;
}

/* The highest of 16 slots that holds a file. */
__noinline int highest_of_slots(u64 address, u32 first)
{
	struct file **slots = BPF_CORE_READ((struct files_struct *)address, fdt, fd);
	u64 files[FD_SLOTS_READ] = {};

	bpf_probe_read_kernel(files, sizeof(files), &slots[first]);
	for (s32 i = FD_SLOTS_READ - 1; i >= 0; i--) {
		if (files[i])
			return (s32)first + i;
	}
	return -1;
}

/* Counts the files of a table and finds the highest one's number. Only as far as bits are set: tables never shrink. A
 * table has 64 slots at first and then a power of two of at least 128 (alloc_fdtable, fs/file.c), so its bitmap is
 * whole words. It is the first of three of one block, and inside files_struct before the slots: reading 512 bits
 * never leaves that memory. `address`: of a struct files_struct, as a plain number. */
static __always_inline void count_open_fds(u64 address, struct fd_count *count)
{
	u64 bits, files;

	count->open = 0;
	count->highest = -1;
	if (!address)
		return; /* its first thread has ended, or is about to: readdir shows nothing */
	count->open = FD_COUNT_UNKNOWN;
	if (!is_table_readable(address))
		return;
	count->open = 0;
	bits = count_bits_of(address);
	if (!bits)
		return;
	files = count_files_of(address, (u32)(bits >> 32) * FD_CHUNK_BITS);
	count->open = (u32)files;
	if (files >> 32)
		count->highest = highest_of_slots(address, (u32)(files >> 32) - 1);
}

#endif
