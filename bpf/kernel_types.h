/* SPDX-License-Identifier: GPL-2.0-only */
/* The few kernel types that our programs read, cut down to the fields in use. Every access is a CO-RE
 * relocation: the loader looks the offsets up in the running kernel's BTF, so order, size and whatever
 * is left out here do not matter; names do. That is why the build needs no vmlinux.h. */
#ifndef SOCKEYE_KERNEL_TYPES_H
#define SOCKEYE_KERNEL_TYPES_H

#include <linux/types.h>
#include <linux/bpf.h>

/* Tells bpf_tracing.h that struct pt_regs below has the kernel's field names. */
#define __VMLINUX_H__

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* linux/ns_common.h, net/net_namespace.h */
struct ns_common {
	unsigned int inum;
};
struct net {
	struct ns_common ns;
};
struct nsproxy {
	struct net *net_ns;
};
typedef struct {
	int counter;
} atomic_t;
typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;
/* How many hold the namespace: until 5.10, until 6.17 (8b8f095b781c "net: Use generic ns_common::count"), since. */
struct net___counted {
	refcount_t count;
};
struct ns_common___counted {
	refcount_t count;
};
struct ns_common___referenced {
	refcount_t __ns_ref;
};
typedef struct {
	struct net *net;
} possible_net_t;

/* net/sock.h, net/inet_sock.h, linux/tcp.h, net/request_sock.h, net/inet_timewait_sock.h */
struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};
struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	unsigned long skc_flags;
	struct sock *skc_listener;
};
typedef struct {
	int owned;
} socket_lock_t;
struct sk_buff {
	struct sk_buff *next;
	unsigned int len;
	char cb[48];
};
struct sk_buff_head {
	struct sk_buff *next;
	__u32 qlen;
};
struct socket;
struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	refcount_t sk_wmem_alloc;
	int sk_err;
	u16 sk_type;
	u16 sk_protocol;
	u32 sk_ack_backlog;
	u32 sk_max_ack_backlog;
	struct socket *sk_socket;
	struct sk_buff_head sk_receive_queue;
	atomic_t sk_drops;
};
struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};
struct inet_connection_sock {
	struct inet_sock icsk_inet;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	u32 rcv_nxt;
	u32 copied_seq;
	u32 write_seq;
	u32 snd_una;
};
struct udp_sock {
	struct inet_sock inet;
	int forward_deficit;
};
struct timer_list {
	unsigned long expires;
};
struct inet_timewait_sock {
	struct sock_common __tw_common;
	unsigned char tw_substate;
	struct timer_list tw_timer;
};
struct tcphdr;
struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};
struct request_sock {
	struct sock_common __req_common;
};
struct inet_request_sock {
	struct request_sock req;
};
struct tcp_request_sock {
	struct inet_request_sock req;
};
struct unix_sock {
	struct sock sk;
	u32 inq_len; /* since 6.17 */
};

/* net/af_unix.h, net/mptcp/protocol.h */
struct unix_skb_parms {
	u32 consumed;
};
struct mptcp_sock {
	struct inet_connection_sock sk;
	struct sock *first;
};

/* linux/fs.h, linux/fdtable.h, linux/net.h */
struct super_block {
	unsigned long s_magic;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
	struct super_block *i_sb;
	unsigned int i_rdev;
};
struct qstr {
	const unsigned char *name;
};
struct dentry {
	struct qstr d_name;
};
struct path {
	struct dentry *dentry;
};
struct file {
	unsigned int f_mode;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
	const void *f_op;
};
struct socket {
	short type;
	struct file *file;
	struct sock *sk;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *open_fds;
	unsigned long *close_on_exec;
};
struct files_struct {
	struct {
		int counter;
	} count;
	struct fdtable *fdt;
};

/* linux/binfmts.h */
struct linux_binprm {
	const char *filename;
};

/* linux/sched.h, linux/sched/signal.h, linux/pid.h, asm/ptrace.h */
struct pt_regs {
	unsigned long r15;
	unsigned long r14;
	unsigned long r13;
	unsigned long r12;
	unsigned long bp;
	unsigned long bx;
	unsigned long r10;
	unsigned long r9;
	unsigned long r8;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long sp;
	unsigned long ip;
};
struct upid {
	int nr;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct rlimit {
	unsigned long rlim_cur;
	unsigned long rlim_max;
};
struct list_head {
	struct list_head *prev;
};
struct signal_struct {
	unsigned int flags;
	int nr_threads;
	struct rlimit rlim[16];
	int group_exit_code;
	struct {
		int counter;
	} live;
};
struct thread_info {
	u32 status;
};
struct seccomp {
	int mode;
};
struct mm_struct;
struct task_struct {
	struct mm_struct *mm;
	struct thread_info thread_info;
	void *stack;
	int pid;
	int tgid;
	int exit_code;
	unsigned int flags;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct list_head children;
	struct list_head sibling;
	struct pid *thread_pid;
	struct signal_struct *signal;
	struct seccomp seccomp;
	struct nsproxy *nsproxy; /* NULL once the task exits */
	struct files_struct *files;
	struct io_uring_task *io_uring; /* absent without CONFIG_IO_URING */
	char comm[16];
	u64 start_boottime;
};

/* linux/bpf.h: contexts of iterators */
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};
struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};
struct bpf_iter__udp {
	struct bpf_iter_meta *meta;
	struct udp_sock *udp_sk;
};
struct bpf_iter__unix {
	struct bpf_iter_meta *meta;
	struct unix_sock *unix_sk;
};

/* Contexts of classic tracepoints: include/trace/events/{sock,syscalls,sched}.h */
struct trace_event_raw_inet_sock_set_state {
	const void *skaddr;
	int oldstate;
	int newstate;
	__u16 sport;
	__u16 dport;
	__u16 family;
	__u16 protocol;
	__u8 saddr_v6[16];
	__u8 daddr_v6[16];
};
struct trace_event_raw_sys_exit {
	long id;
	long ret;
};
struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
};
struct trace_event_raw_sched_process_fork {
	int child_pid;
};
struct trace_event_raw_sched_process_template {
	int pid;
};
struct trace_event_raw_sched_process_exec {
	u32 __data_loc_filename;
};

#pragma clang attribute pop

#endif
