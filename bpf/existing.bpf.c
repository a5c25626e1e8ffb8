// SPDX-License-Identifier: GPL-2.0-only
/* What exists now, read from the kernel's own tables by iterators. Reading the iterator's file gives
 * existing_* records, one behind the other, then WIRE_TABLE_END. (Descriptors: existing_fds in fd.bpf.c.)
 *
 *   existing_tcp        iter/tcp   full sockets, minisocks and requests of the netns of whoever opens it
 *   existing_udp        iter/udp   the same netns
 *   existing_unix       iter/unix  the same netns; 5.15 and later
 *   existing_processes  iter/task  every process of the pid namespace: descriptors, limits, name
 *
 * What an iterator hands over, and what hangs on it, the verifier knows: plain loads, not probe reads, where a table
 * may have a million entries. */
#include "fd_table.h"
#include "filter.h"
#include "iterator.h"
#include "sock.h"

static __always_inline void begin_record(struct existing_socket_event *record)
{
	__builtin_memset(record, 0, sizeof(*record));
	record->header.kind = WIRE_existing_socket;
	record->header.size = sizeof(*record);
	record->header.ktime_ns = bpf_ktime_get_ns();
}

/* The inode number of the descriptor's file: socket:[N] in /proc/PID/fd. */
static __always_inline u64 socket_inode(const struct sock *sk)
{
	const struct socket *socket = sk->sk_socket;
	const struct file *file = socket ? socket->file : NULL;
	const struct inode *inode = file ? file->f_inode : NULL;

	return inode ? inode->i_ino : 0;
}

/* Some kernels show the socket without its lock, and then the first of both may be the older one (tcp_get_info() and
 * tcp_diag_get_info() in net/ipv4 take the same care). */
static __always_inline u32 queued(u32 end, u32 begin)
{
	return (s32)(end - begin) > 0 ? end - begin : 0;
}

static __always_inline void read_full_tcp(struct existing_socket_event *record, const struct tcp_sock *tcp)
{
	const struct sock *sk = &tcp->inet_conn.icsk_inet.sk;

	record->state = sk->__sk_common.skc_state;
	record->object = WIRE_SOCKET_FULL;
	record->sk_error = sk->sk_err;
	record->inode = socket_inode(sk);
	if (sk->__sk_common.skc_flags & (1UL << SOCK_DEAD_BIT))
		record->header.flags |= WIRE_FLAG_SOCK_DEAD;
	if (record->state == WIRE_TCP_LISTEN) {
		record->receive_queue = sk->sk_ack_backlog;
		record->send_queue = sk->sk_max_ack_backlog;
		/* tcp_listendrop(): a full accept queue, a full SYN queue, no memory. */
		record->drops = (u32)sk->sk_drops.counter;
	} else {
		record->receive_queue = queued(tcp->rcv_nxt, tcp->copied_seq);
		record->send_queue = queued(tcp->write_seq, tcp->snd_una);
	}
}

SEC("?iter/tcp")
int existing_tcp(struct bpf_iter__tcp *ctx)
{
	struct sock_common *common = ctx->sk_common;
	struct existing_socket_event record;
	struct tcp_timewait_sock *minisock;
	struct tcp_request_sock *request;
	struct tcp_sock *full;

	if (!common)
		return end_of_table(ctx->meta);
	begin_record(&record);
	record.sk = (u64)common;
	read_common_tuple(&record.tuple, common, true);
	record.tuple.protocol = IPPROTO_TCP;
	record.tuple.type = SOCK_STREAM;
	record.netns = read_netns(common, true);
	full = bpf_skc_to_tcp_sock(common);
	if (full) {
		read_full_tcp(&record, full);
		goto write;
	}
	minisock = bpf_skc_to_tcp_timewait_sock(common);
	if (minisock) {
		record.object = WIRE_SOCKET_TIME_WAIT;
		record.state = meet_minisock(&minisock->tw_sk);
		goto write;
	}
	request = bpf_skc_to_tcp_request_sock(common);
	if (request) {
		record.object = WIRE_SOCKET_REQUEST;
		record.state = WIRE_TCP_SYN_RECV;
		record.listener = (u64)BPF_CORE_READ(request, req.req.__req_common.skc_listener);
	}
write:
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/* sk_wmem_alloc_get(), include/net/sock.h: one stands for the socket itself. */
static __always_inline u32 unsent_of(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_wmem_alloc.refs.counter) - 1;
}

/* udp_rqueue_get(), include/net/udp.h: memory, not bytes of the packets. */
static __always_inline u32 unread_of_udp(const struct udp_sock *udp)
{
	const struct sock *sk = (const struct sock *)udp;

	return BPF_CORE_READ(sk, sk_backlog.rmem_alloc.counter) - BPF_CORE_READ(udp, forward_deficit);
}

/* unix_inq_len(), net/unix/af_unix.c: all that waits in a stream, the first packet of others. Where nobody keeps the
 * sum it is walked, and nothing keeps the queue still meanwhile: what is longer than the walk, or changed under it, is
 * QUEUE_UNKNOWN. `address`: of a struct unix_sock. */
#define UNIX_BUFFERS_WALKED 512
__noinline u32 unread_of_unix(u64 address)
{
	const struct unix_sock *unix = (const struct unix_sock *)address;
	const struct sock *sk = (const struct sock *)address;
	u64 end = address + bpf_core_field_offset(struct sock, sk_receive_queue);
	const struct sk_buff *buffer = BPF_CORE_READ(sk, sk_receive_queue.next);
	u32 length = BPF_CORE_READ(sk, sk_receive_queue.qlen), bytes = 0, consumed;
	u16 type = BPF_CORE_READ(sk, sk_type);

	if (type == SOCK_STREAM && bpf_core_field_exists(unix->inq_len))
		return BPF_CORE_READ(unix, inq_len);
	for (u32 nth = 0; nth <= UNIX_BUFFERS_WALKED; nth++) {
		if ((u64)buffer == end)
			return nth == length ? bytes : QUEUE_UNKNOWN;
		if (type == SOCK_DGRAM)
			return BPF_CORE_READ(buffer, len);
		consumed = 0;
		bpf_probe_read_kernel(&consumed, sizeof(consumed),
				      (const char *)buffer + bpf_core_field_offset(struct sk_buff, cb) +
					      bpf_core_field_offset(struct unix_skb_parms, consumed));
		bytes += BPF_CORE_READ(buffer, len) - consumed;
		buffer = BPF_CORE_READ(buffer, next);
	}
	return QUEUE_UNKNOWN;
}

static __always_inline void read_other_socket(struct existing_socket_event *record, const struct sock *sk)
{
	record->sk = (u64)sk;
	read_sock_tuple(&record->tuple, &record->netns, sk);
	record->state = BPF_CORE_READ(sk, __sk_common.skc_state);
	record->sk_error = BPF_CORE_READ(sk, sk_err);
	record->inode = socket_inode(sk);
}

SEC("?iter/udp")
int existing_udp(struct bpf_iter__udp *ctx)
{
	const struct sock *sk = (const struct sock *)ctx->udp_sk;
	struct existing_socket_event record;

	if (!sk)
		return end_of_table(ctx->meta);
	barrier_var(sk); /* no pointer arithmetic before the null check */
	begin_record(&record);
	read_other_socket(&record, sk);
	record.receive_queue = unread_of_udp((const struct udp_sock *)sk);
	record.send_queue = unsent_of(sk);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

SEC("?iter/unix")
int existing_unix(struct bpf_iter__unix *ctx)
{
	const struct sock *sk = (const struct sock *)ctx->unix_sk;
	struct existing_socket_event record;

	if (!sk)
		return end_of_table(ctx->meta);
	barrier_var(sk); /* no pointer arithmetic before the null check */
	begin_record(&record);
	read_other_socket(&record, sk);
	/* As unix_diag gives them (net/unix/diag.c). */
	if (record.state == WIRE_TCP_LISTEN) {
		record.receive_queue = BPF_CORE_READ(sk, sk_receive_queue.qlen);
		record.send_queue = BPF_CORE_READ(sk, sk_max_ack_backlog);
	} else {
		record.receive_queue = unread_of_unix(plain_number((const u64 *)&ctx->unix_sk));
		record.send_queue = unsent_of(sk);
	}
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}

/* The id of a process inside its own pid namespace. */
static __always_inline u32 namespace_tgid(struct task_struct *leader)
{
	struct pid *pid = BPF_CORE_READ(leader, thread_pid);
	u32 level = BPF_CORE_READ(pid, level);
	const char *numbers;
	int number = 0;

	/* The kernel's struct upid is larger than ours, and only the offset of numbers[0] is relocated. */
	numbers = (const char *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid);
	bpf_probe_read_kernel(&number, sizeof(number), numbers + bpf_core_field_offset(struct upid, nr));
	return number;
}

SEC("?iter/task")
int existing_processes(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct existing_process_event record;
	struct files_struct *files;
	struct fd_count count;

	if (!task)
		return end_of_table(ctx->meta);
	if (task->pid != task->tgid)
		return 0;
	__builtin_memset(&record, 0, sizeof(record));
	record.header.kind = WIRE_existing_process;
	record.header.size = sizeof(record);
	record.header.ktime_ns = bpf_ktime_get_ns();
	record.header.tgid = task->tgid;
	record.header.tid = task->tgid;
	files = BPF_CORE_READ(task, files); /* a plain number: fd_table.h's walks take no pointers */
	record.files = (u64)files;
	count.open = FD_COUNT_UNKNOWN;
	count.highest = -1;
	count_open_fds((u64)files, &count);
	record.counting_ns = (u32)(bpf_ktime_get_ns() - record.header.ktime_ns);
	record.fds_open = count.open;
	record.fds_highest = count.highest;
	record.start_ns = BPF_CORE_READ(task, start_boottime);
	record.parent_tgid = BPF_CORE_READ(task, real_parent, tgid);
	record.ns_tgid = namespace_tgid(task);
	record.netns = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	record.fds_soft_limit = BPF_CORE_READ(task, signal, rlim[7].rlim_cur); /* RLIMIT_NOFILE */
	record.fds_hard_limit = BPF_CORE_READ(task, signal, rlim[7].rlim_max);
	bpf_probe_read_kernel(record.comm, sizeof(record.comm), &task->comm);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
