/* SPDX-License-Identifier: GPL-2.0-only */
/* file → kind. What decides is what no kernel hides: the inode's type, the file system's magic, and for
 * anonymous inodes the dentry's name. Addresses of the kernel's file_operations are never known in advance
 * (they need KALLSYMS_ALL), but once a kind is learned by name it is remembered by that address. */
#ifndef SOCKEYE_FD_H
#define SOCKEYE_FD_H

#include "fd_table.h"
#include "sockeye/event.h"

/* Types of inodes: include/uapi/linux/stat.h; magics: include/uapi/linux/magic.h and fs/pidfs.c. */
#define S_IFIFO 0010000
#define S_IFCHR 0020000
#define S_IFDIR 0040000
#define S_IFBLK 0060000
#define S_IFREG 0100000
#define TMPFS_MAGIC 0x01021994
#define HUGETLBFS_MAGIC 0x958458f6
#define ANON_INODE_FS_MAGIC 0x09041934
#define SOCKFS_MAGIC 0x534f434b
#define SECRETMEM_MAGIC 0x5345434d
#define PIDFS_MAGIC 0x50494446
#define NSFS_MAGIC 0x6e736673
#define FMODE_PATH (1u << 14) /* include/linux/fs.h: opened with O_PATH */

/* The first eight bytes of a name as one number. */
#define NAME8(a, b, c, d, e, f, g, h)                                                                \
	((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 | (u64)(f) << 40 |    \
	 (u64)(g) << 48 | (u64)(h) << 56)

/* file_operations → kind: address << 8 | kind, in the slot that the address names. One word an entry, so that
 * no CPU ever reads half of what another one wrote. Written when a kind is learned, overwritten when two
 * addresses meet, read for every descriptor. */
#define FD_KIND_SLOTS 1024
u64 fd_kind_of_operations[FD_KIND_SLOTS] = {};

/* classify_file()'s result: the kind, and whether every file with these operations is of that kind. */
#define FD_KIND_OF_OPERATIONS 0x100

static __always_inline u32 kind_of_anonymous_name(u64 name)
{
	switch (name) {
	case NAME8('[', 'e', 'v', 'e', 'n', 't', 'f', 'd'):
		return FD_KIND_eventfd;
	case NAME8('[', 'e', 'v', 'e', 'n', 't', 'p', 'o'):
		return FD_KIND_epoll;
	case NAME8('[', 't', 'i', 'm', 'e', 'r', 'f', 'd'):
		return FD_KIND_timerfd;
	case NAME8('[', 's', 'i', 'g', 'n', 'a', 'l', 'f'):
		return FD_KIND_signalfd;
	case NAME8('i', 'n', 'o', 't', 'i', 'f', 'y', 0):
		return FD_KIND_inotify;
	case NAME8('[', 'i', 'o', '_', 'u', 'r', 'i', 'n'):
		return FD_KIND_io_uring;
	case NAME8('[', 'p', 'i', 'd', 'f', 'd', ']', 0):
		return FD_KIND_pidfd;
	case NAME8('[', 'p', 'e', 'r', 'f', '_', 'e', 'v'):
		return FD_KIND_perf;
	case NAME8('[', 'f', 'a', 'n', 'o', 't', 'i', 'f'):
		return FD_KIND_fanotify;
	case NAME8('[', 'u', 's', 'e', 'r', 'f', 'a', 'u'):
		return FD_KIND_userfaultfd;
	case NAME8('b', 't', 'f', 0, 0, 0, 0, 0):
		return FD_KIND_bpf;
	default:
		/* bpf-map, bpf-prog, bpf_link, bpf_iter, … */
		if ((name & 0xffffff) == NAME8('b', 'p', 'f', 0, 0, 0, 0, 0))
			return FD_KIND_bpf;
		return FD_KIND_other;
	}
}

/* Major numbers of terminals: Documentation/admin-guide/devices.txt (ttyN and ttyS, /dev/tty and console, pts,
 * ttyACM, ttyUSB, ttyAMA and friends, hvc). */
static __always_inline u32 kind_of_character_device(u32 device)
{
	u32 major = device >> 20;

	if (major == 4 || major == 5 || (major >= 136 && major <= 143) || major == 166 || major == 188 ||
	    major == 204 || major == 229)
		return FD_KIND_tty;
	return FD_KIND_device;
}

static __always_inline u64 first_of_name(struct file *file)
{
	char name[16] = {};

	bpf_probe_read_kernel_str(name, 9, BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return *(u64 *)name;
}

/* tmpfs and hugetlbfs hold ordinary files, too: "memfd:" tells. */
static __always_inline bool is_named_memfd(struct file *file)
{
	return (first_of_name(file) & 0xffffffffffff) == NAME8('m', 'e', 'm', 'f', 'd', ':', 0, 0);
}

/* A global function: the verifier looks at it once. `address` is a struct file's. */
__noinline u64 classify_file(u64 address)
{
	struct file *file = (struct file *)address;
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	u32 magic = BPF_CORE_READ(inode, i_sb, s_magic);
	u32 type = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	/* All files opened with O_PATH share one file_operations, whatever they are. */
	u32 cached = BPF_CORE_READ(file, f_mode) & FMODE_PATH ? 0 : FD_KIND_OF_OPERATIONS;

	switch (magic) {
	case SOCKFS_MAGIC:
		return FD_KIND_socket | cached;
	case ANON_INODE_FS_MAGIC: /* before the type: 6.16 made these regular files (cfd86ef7e8e7) */
		return kind_of_anonymous_name(first_of_name(file)) | cached;
	case PIDFS_MAGIC:
		return FD_KIND_pidfd | cached;
	case SECRETMEM_MAGIC:
		return FD_KIND_memfd | cached;
	case NSFS_MAGIC:
		return FD_KIND_other | cached;
	}
	switch (type) {
	case S_IFDIR:
		return FD_KIND_dir | cached;
	case S_IFIFO:
		return FD_KIND_pipe | cached;
	case S_IFBLK:
		return FD_KIND_device | cached;
	case S_IFCHR:
		return kind_of_character_device(BPF_CORE_READ(inode, i_rdev)) | cached;
	}
	if (magic == TMPFS_MAGIC || magic == HUGETLBFS_MAGIC)
		return is_named_memfd(file) ? FD_KIND_memfd : FD_KIND_file;
	return FD_KIND_file | (type == S_IFREG ? cached : 0);
}

#define FD_KIND_UNKNOWN 0xffffffffu

/* What is remembered of files with these operations. */
static __always_inline u32 remembered_kind(u64 operations)
{
	u64 known = fd_kind_of_operations[(operations >> 5) & (FD_KIND_SLOTS - 1)];

	return known >> 8 == (operations & 0xffffffffffffff) ? known & 0xff : FD_KIND_UNKNOWN;
}

static __always_inline u32 learned_kind(struct file *file, u64 operations)
{
	u64 address = (u64)file;
	u32 kind = classify_file(plain_number(&address));

	if (kind & FD_KIND_OF_OPERATIONS)
		fd_kind_of_operations[(operations >> 5) & (FD_KIND_SLOTS - 1)] = operations << 8 | (kind & 0xff);
	return kind & 0xff;
}

static __always_inline u32 kind_of_file(struct file *file)
{
	u64 operations = (u64)BPF_CORE_READ(file, f_op);
	u32 kind = remembered_kind(operations);

	return kind != FD_KIND_UNKNOWN ? kind : learned_kind(file, operations);
}

/* The socket of a file of kind socket. */
static __always_inline struct sock *sock_of_socket_file(struct file *file)
{
	struct socket *socket = BPF_CORE_READ(file, private_data);

	return tcp_beneath(BPF_CORE_READ(socket, sk));
}

/* struct file's count of references: file_ref_t since 6.13 (90ee6ed776c0), where 0 stands for one. */
struct file___counted {
	struct {
		s64 counter;
	} f_count;
} __attribute__((preserve_access_index));
struct file___referenced {
	struct {
		struct {
			s64 counter;
		} refcnt;
	} f_ref;
} __attribute__((preserve_access_index));

static __always_inline bool is_last_reference(struct file *file)
{
	struct file___referenced *referenced = (struct file___referenced *)file;
	struct file___counted *counted = (struct file___counted *)file;

	if (bpf_core_field_exists(referenced->f_ref))
		return BPF_CORE_READ(referenced, f_ref.refcnt.counter) == 0;
	return BPF_CORE_READ(counted, f_count.counter) == 1;
}

#endif
