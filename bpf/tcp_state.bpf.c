// SPDX-License-Identifier: GPL-2.0-only
/* TCP state changes, from the tracepoint sock:inet_sock_set_state. It fires before sk_state is written and
 * mostly in softirq, so `current` is used only while it holds the socket's lock.
 *
 *   tcp_state_btf            tp_btf/inet_sock_set_state   the cheapest; first choice below 7.0
 *   tcp_state_classic        tp/sock/inet_sock_set_state  lossless where tp_btf programs can be preempted
 *   tcp_state_second_chance  tp_btf/inet_sock_set_state   writes what the first could not: the kernel skips a
 *                            program that is entered again on its CPU (a softirq inside it). Attach it after
 *                            the first.
 *   tcp_state_third_chance   the same, after the second: from 7.0 on a task can be preempted inside the second,
 *                            which is skipped on that CPU until the task goes on (7.3 with preempt=full, twelve
 *                            tracers at once: one of 600,000 changes missed both) */
#include "filter.h"
#include "sock.h"

#define HANDLED_LINES 1024

/* 1: tasks can be preempted inside and between the tp_btf programs, and go on on another CPU: there is a third. */
const volatile u8 config_changes_preempted = 0;

/* By CPU, a line that its cache always holds; where tasks can be preempted, by socket. See settings.h. */
struct handled_line handled[HANDLED_LINES] = {};

struct state_change {
	struct sock *sk;
	int old_state;
	int new_state;
};

/* Where the mark of this socket is, or belongs. `sk`: a plain number. Two changes with one place at a time (a softirq
 * between the programs of one change; five sockets of one hash) make a later program write one of them again: userspace
 * drops what it knows, but where it is lost, it counts as another loss. With one place for a hash, sockets that are
 * used again and again made that of one in fifty changes, in one of some hundred runs. */
static __always_inline struct handled_change *mark_of(u64 sk)
{
	struct handled_change *marks;
	u64 hash = (sk >> 6) * 0x9e3779b97f4a7c15ULL;

	if (!config_changes_preempted)
		return &handled[bpf_get_smp_processor_id() & (HANDLED_LINES - 1)].marks[0];
	marks = handled[(u32)(hash >> 40) & (HANDLED_LINES - 1)].marks;
#pragma unroll
	for (int way = 0; way < HANDLED_WAYS; way++)
		if (marks[way].sk == sk)
			return &marks[way];
#pragma unroll
	for (int way = 0; way < HANDLED_WAYS; way++)
		if (!marks[way].sk)
			return &marks[way];
	return &marks[(u32)(hash >> 60) & (HANDLED_WAYS - 1)];
}

static __always_inline u32 transition_of(const struct state_change *change)
{
	return (u32)change->old_state << 8 | (u32)change->new_state;
}

enum verdict {
	VERDICT_WANTED,
	VERDICT_UNWANTED, /* from here on; this record still goes out, to say so */
	VERDICT_IGNORED,
};

/* Who connects is known at once; the tuple only when the connection is established. A listener is always told:
 * its connections' owners come from it. */
static __always_inline enum verdict judge(const struct state_change *change, const struct socket_tuple *tuple,
					  u32 netns, u32 tgid)
{
	const struct sock *sk = change->sk;

	if (!config_filter.flags)
		return VERDICT_WANTED;
	if (change->old_state == WIRE_TCP_LISTEN || change->new_state == WIRE_TCP_LISTEN) {
		forget_ignored(sk);
		return VERDICT_WANTED;
	}
	if (change->old_state == WIRE_TCP_CLOSE) {
		forget_ignored(sk);
		if (!tgid || filter_tgid(tgid))
			return VERDICT_WANTED;
		ignore_socket(sk);
		return VERDICT_IGNORED;
	}
	if (is_ignored(sk)) {
		if (change->new_state == WIRE_TCP_CLOSE)
			forget_ignored(sk);
		return VERDICT_IGNORED;
	}
	if (filter_tuple(tuple, netns))
		return VERDICT_WANTED;
	if (change->new_state != WIRE_TCP_CLOSE)
		ignore_socket(sk);
	return VERDICT_UNWANTED;
}

/* Who connects or listens, and through which descriptor: the system call that current is in names it. */
static __always_inline void fill_owner(struct tcp_state_event *event, const struct state_change *change)
{
	const struct sock *sk = change->sk;
	struct user_call call;

	read_process_comm(event->comm);
	current_user_call(&call);
	if (change->new_state == WIRE_TCP_LISTEN && call.number == NR_listen) {
		event->fd = (s32)call.args[0];
		event->backlog = (s32)BPF_CORE_READ(sk, sk_max_ack_backlog);
	} else if (change->new_state == WIRE_TCP_SYN_SENT && call.number == NR_connect) {
		event->fd = (s32)call.args[0];
	}
}

static __always_inline void write_change(const struct state_change *change, const struct socket_tuple *tuple,
					 u32 netns, u32 flags, int sk_error, u64 pid_tgid)
{
	struct tcp_state_event *event = EVENT_RESERVE(tcp_state, tcp_state_event);

	if (!event)
		return;
	event->header.flags = flags;
	event->header.tgid = pid_tgid >> 32;
	event->header.tid = (u32)pid_tgid;
	event->sk = (u64)change->sk;
	event->tuple = *tuple;
	event->netns = netns;
	event->old_state = change->old_state;
	event->new_state = change->new_state;
	event->sk_error = sk_error;
	event->fd = -1;
	if (change->old_state == WIRE_TCP_CLOSE && (flags & WIRE_FLAG_PROCESS))
		fill_owner(event, change);
	else if (change->new_state == WIRE_TCP_FIN_WAIT1 && (flags & WIRE_FLAG_PROCESS))
		read_process_comm(event->comm); /* who closes may be a child that nobody has told of */
	event_submit(event);
}

/* What is left to read of the socket when the tuple is there. `trusted`: see sock.h. */
static __always_inline void handle_change(const struct state_change *change, struct socket_tuple *tuple, u32 netns,
					  u32 flags, const bool trusted)
{
	const struct sock *sk = change->sk;
	unsigned long sock_flags = 0;
	u64 pid_tgid = 0;
	int owned = 0, sk_error = 0;
	enum verdict verdict;

	SOCK_READ(trusted, sock_flags, sk, __sk_common.skc_flags);
	SOCK_READ(trusted, owned, sk, sk_lock.owned);
	if (change->new_state == WIRE_TCP_CLOSE) {
		SOCK_READ(trusted, sk_error, sk, sk_err);
		if (!tuple->lport)
			tuple->lport = read_source_port(sk);
	}
	if (owned)
		pid_tgid = bpf_get_current_pid_tgid();
	if ((u32)(pid_tgid >> 32) == config_self_tgid) {
		/* Iterators lock each socket and on leaving it work off what came meanwhile, in our name: no act of ours. */
		if (change->old_state == WIRE_TCP_CLOSE)
			return;
		pid_tgid = 0;
	}
	if (pid_tgid)
		flags |= WIRE_FLAG_PROCESS;
	if (sock_flags & (1UL << SOCK_DONE_BIT))
		flags |= WIRE_FLAG_SOCK_DONE;
	if (sock_flags & (1UL << SOCK_DEAD_BIT))
		flags |= WIRE_FLAG_SOCK_DEAD;
	verdict = judge(change, tuple, netns, pid_tgid >> 32);
	if (verdict == VERDICT_IGNORED)
		return;
	if (verdict == VERDICT_UNWANTED)
		flags |= WIRE_FLAG_UNWANTED;
	write_change(change, tuple, netns, flags, sk_error, pid_tgid);
}

static __always_inline void handle_trusted_change(const struct state_change *change, u32 flags)
{
	struct socket_tuple tuple = {};

	read_common_tuple(&tuple, &change->sk->__sk_common, true);
	tuple.protocol = IPPROTO_TCP;
	tuple.type = SOCK_STREAM;
	handle_change(change, &tuple, read_netns(&change->sk->__sk_common, true), flags, true);
}

/* TCP only (the tracepoint also fires for MPTCP, SCTP and DCCP), and no self-loops. */
static __always_inline bool is_tcp_change(const struct state_change *change)
{
	return change->sk->sk_protocol == IPPROTO_TCP && change->old_state != change->new_state;
}

/* What is no change of interest is marked, too, so that every run of the first that the kernel skips meets one that
 * is not marked: the difference is what was lost. */
static __always_inline void mark_change(const struct state_change *change, u64 sk)
{
	struct handled_change *mark = mark_of(sk);

	mark->sk = sk;
	mark->transition = transition_of(change);
}

/* Only where programs are preempted the mark's place depends on the socket; a helper's price for its plain number. */
static __always_inline u64 socket_number(const u64 *ctx)
{
	return config_changes_preempted ? plain_number(ctx) : 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state_btf, struct sock *sk, int old_state, int new_state)
{
	struct state_change change = {sk, old_state, new_state};
	struct handled_change *mark;

	if (is_tcp_change(&change))
		handle_trusted_change(&change, 0);
	mark = mark_of(socket_number(ctx));
	mark->sk = (u64)sk;
	mark->transition = transition_of(&change);
	return 0;
}

/* `last`: nobody needs the mark after this program. */
static __always_inline int handle_if_skipped(const u64 *ctx, const struct state_change *change, const bool last)
{
	struct handled_change *mark = mark_of(socket_number(ctx));

	if (mark->sk == (u64)change->sk && mark->transition == transition_of(change)) {
		if (last)
			mark->sk = 0;
		return 0;
	}
	__sync_fetch_and_add(&losses.second_chance_hits, 1);
	if (is_tcp_change(change))
		handle_trusted_change(change, WIRE_FLAG_SECOND_CHANCE);
	if (!last) {
		mark->sk = (u64)change->sk;
		mark->transition = transition_of(change);
	}
	return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state_second_chance, struct sock *sk, int old_state, int new_state)
{
	struct state_change change = {sk, old_state, new_state};

	return handle_if_skipped(ctx, &change, !config_changes_preempted);
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(tcp_state_third_chance, struct sock *sk, int old_state, int new_state)
{
	struct state_change change = {sk, old_state, new_state};

	return handle_if_skipped(ctx, &change, true);
}

SEC("?tp/sock/inet_sock_set_state")
int tcp_state_classic(struct trace_event_raw_inet_sock_set_state *ctx)
{
	struct state_change change = {(struct sock *)ctx->skaddr, ctx->oldstate, ctx->newstate};
	struct socket_tuple tuple = {};

	if (ctx->protocol != IPPROTO_TCP || change.old_state == change.new_state) {
		mark_change(&change, (u64)ctx->skaddr);
		return 0;
	}
	/* The tracepoint gives IPv4 addresses IPv4-mapped in its v6 fields, as we store them. */
	bpf_probe_read_kernel(tuple.laddr, 16, ctx->saddr_v6);
	bpf_probe_read_kernel(tuple.raddr, 16, ctx->daddr_v6);
	tuple.lport = ctx->sport;
	tuple.rport = ctx->dport;
	tuple.family = ctx->family;
	tuple.protocol = IPPROTO_TCP;
	tuple.type = SOCK_STREAM;
	normalise_family(&tuple);
	handle_change(&change, &tuple, read_netns(&change.sk->__sk_common, false), 0, false);
	mark_change(&change, (u64)ctx->skaddr);
	return 0;
}
