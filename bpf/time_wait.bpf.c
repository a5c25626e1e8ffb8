// SPDX-License-Identifier: GPL-2.0-only
/* Minisocks: born in inet_twsk_hashdance[_schedule]() (renamed in 6.11), freed in tcp_twsk_destructor(). No
 * tracepoint reports them in any kernel; where neither trampolines nor kprobes exist userspace infers them.
 *
 *   time_wait_enter_{fentry,kprobe}  (tw, sk, …)    all fields are filled by then
 *   time_wait_turn_{fentry,kprobe}   __inet_twsk_schedule(tw, …): a FIN_WAIT2 minisock whose substate has just
 *                                    become TIME_WAIT is rescheduled
 *   time_wait_leave_{fentry,kprobe}  (sk) is the minisock
 *   time_wait_{enter,turn,leave}_second_chance
 *                                    fexit of the same functions: writes what the first could not. The kernel
 *                                    skips a program that is entered again on its CPU: births and ends come in
 *                                    softirqs, and while a task works off a socket's backlog.
 *   time_wait_segment_{fentry,kprobe}
 *                                    tcp_timewait_state_process(tw, skb, th, …): an RST or a SYN that may end it
 *   time_wait_overflow               fexit of inet_twsk_alloc(), which finds tcp_max_tw_buckets reached */
#include "filter.h"
#include "sock.h"

/* 1: the second-chance programs are attached. */
const volatile u8 config_minisock_second_chance = 0;

/* 1: time_wait_turn_{fentry,kprobe} is attached. */
const volatile u8 config_minisock_turns = 0;

/* 1: segments for minisocks are seen, so whatever ends one and is neither of them is something else. */
const volatile u8 config_minisock_segments = 0;

struct minisock_step {
	u64 minisock;
	u64 action; /* enum wire_time_wait_action */
};

/* Births and ends that the first program has seen. Written by it, taken away by the second chance of the same
 * call: it holds one entry for each CPU and preempted task at most. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct minisock_step);
	__type(value, u8);
} handled_minisocks SEC(".maps");

/* By enum wire_time_wait_action: the first program has run. The second is attached before it, and what that hears
 * alone until then the first has not missed. */
u8 minisock_program_ran[4];

/* minisock → 1 while it is in FIN_WAIT2. Written at birth, or when a table shows one born before us; deleted when it turns or is freed. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144); /* tcp_max_tw_buckets' upper default; resized by userspace */
	__type(key, u64);
	__type(value, u8);
} fin_wait2_minisocks SEC(".maps");

struct minisock_segment {
	u64 ktime_ns;
	u64 flags; /* of the TCP header */
};

/* minisock → the last RST or SYN for it. Written when one comes, deleted when the minisock is freed; most of them
 * end it at once. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct minisock_segment);
} minisock_segments SEC(".maps");

#define TCP_HEADER_FLAGS 13 /* offset of the byte */
#define TCP_FLAG_BIT_SYN 0x02
#define TCP_FLAG_BIT_RST 0x04
/* What a segment ends it ends within the same softirq, which an interrupt may hold up. */
#define SEGMENT_ENDS_WITHIN_NS 100000000ULL

static __always_inline void segment_arrived(const struct inet_timewait_sock *minisock, const struct tcphdr *header)
{
	struct minisock_segment segment = {};
	u64 key = (u64)minisock;
	u8 flags = 0;

	bpf_probe_read_kernel(&flags, sizeof(flags), (const u8 *)header + TCP_HEADER_FLAGS);
	if (!(flags & (TCP_FLAG_BIT_SYN | TCP_FLAG_BIT_RST)))
		return;
	segment.ktime_ns = bpf_ktime_get_ns();
	segment.flags = flags;
	bpf_map_update_elem(&minisock_segments, &key, &segment, BPF_ANY);
}

/* A timer keeps the time that it was set to, whether it ran out or was stopped. */
static __always_inline u8 end_of(const struct inet_timewait_sock *minisock)
{
	const struct minisock_segment *segment;
	u64 key = (u64)minisock;

	segment = config_minisock_segments ? bpf_map_lookup_elem(&minisock_segments, &key) : NULL;
	if (segment) {
		u8 end = segment->flags & TCP_FLAG_BIT_RST ? WIRE_MINISOCK_RESET : WIRE_MINISOCK_SYN;
		bool just_now = bpf_ktime_get_ns() - segment->ktime_ns < SEGMENT_ENDS_WITHIN_NS;

		bpf_map_delete_elem(&minisock_segments, &key);
		if (just_now)
			return end;
	}
	if ((s64)(bpf_jiffies64() - BPF_CORE_READ(minisock, tw_timer.expires)) >= 0)
		return WIRE_MINISOCK_EXPIRED;
	return config_minisock_segments ? WIRE_MINISOCK_KILLED : WIRE_MINISOCK_END_UNKNOWN;
}

/* Nobody is in the namespace any more: cleanup_net() is taking it down. */
static __always_inline bool netns_is_ending(const struct net *net)
{
	const struct ns_common *ns = &net->ns;

	if (bpf_core_field_exists(((struct ns_common___referenced *)0)->__ns_ref))
		return BPF_CORE_READ((const struct ns_common___referenced *)ns, __ns_ref.refs.counter) == 0;
	if (bpf_core_field_exists(((struct ns_common___counted *)0)->count))
		return BPF_CORE_READ((const struct ns_common___counted *)ns, count.refs.counter) == 0;
	if (bpf_core_field_exists(((struct net___counted *)0)->count))
		return BPF_CORE_READ((const struct net___counted *)net, count.refs.counter) == 0;
	return false;
}

static __always_inline void write_minisock(const struct inet_timewait_sock *minisock, const struct sock *sk, u8 action,
					   u32 flags)
{
	struct time_wait_event *event;
	struct socket_tuple tuple = {};
	u32 netns;

	read_common_tuple(&tuple, &minisock->__tw_common, false);
	tuple.protocol = IPPROTO_TCP;
	tuple.type = SOCK_STREAM;
	netns = read_netns(&minisock->__tw_common, false);
	if (!filter_tuple(&tuple, netns))
		return;
	event = EVENT_RESERVE(time_wait, time_wait_event);
	if (!event)
		return;
	event->header.flags = flags;
	event->sk = (u64)sk;
	event->minisock = (u64)minisock;
	event->tuple = tuple;
	event->netns = netns;
	event->action = action;
	event->substate = BPF_CORE_READ(minisock, tw_substate);
	if (action == WIRE_TIME_WAIT_LEAVE) {
		event->end = end_of(minisock);
		if (netns_is_ending(BPF_CORE_READ(minisock, __tw_common.skc_net.net)))
			event->header.flags |= WIRE_FLAG_NETNS_ENDS;
	}
	event_submit(event);
}

static __always_inline void program_runs(u8 action)
{
	if (!minisock_program_ran[action])
		minisock_program_ran[action] = 1;
}

static __always_inline void mark_handled(const struct inet_timewait_sock *minisock, u8 action)
{
	struct minisock_step step = {(u64)minisock, action};
	u8 one = 1;

	program_runs(action);
	/* If that fails it is written twice, which the aggregator notices. */
	if (config_minisock_second_chance)
		bpf_map_update_elem(&handled_minisocks, &step, &one, BPF_ANY);
}

/* Has the first program seen it? If not, the second counts what it catches. */
static __always_inline bool take_handled(const struct inet_timewait_sock *minisock, u8 action)
{
	struct minisock_step step = {(u64)minisock, action};

	if (!minisock_program_ran[action] || !bpf_map_delete_elem(&handled_minisocks, &step))
		return true;
	__sync_fetch_and_add(&losses.minisocks_caught[action], 1);
	return false;
}

static __always_inline void minisock_born(const struct inet_timewait_sock *minisock, const struct sock *sk, u32 flags)
{
	u64 key = (u64)minisock;
	u8 one = 1;

	/* DCCP, which is gone since 6.16, has minisocks, too. */
	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP || (config_filter.flags && is_ignored(sk)))
		return;
	if (BPF_CORE_READ(minisock, tw_substate) == WIRE_TCP_FIN_WAIT2 &&
	    bpf_map_update_elem(&fin_wait2_minisocks, &key, &one, BPF_ANY))
		count_map_failure(LOSS_MAP_FIN_WAIT2);
	write_minisock(minisock, sk, WIRE_TIME_WAIT_ENTER, flags);
}

/* The substate of a minisock that a table shows. Its turn is reported from now on, or has been, or the table tells of it:
 * it may come between our two looks. */
static __always_inline u8 meet_minisock(const struct inet_timewait_sock *minisock)
{
	u64 key = (u64)minisock;
	u8 one = 1;

	if (!config_minisock_turns || minisock->tw_substate != WIRE_TCP_FIN_WAIT2)
		return minisock->tw_substate;
	if (bpf_map_update_elem(&fin_wait2_minisocks, &key, &one, BPF_ANY)) {
		count_map_failure(LOSS_MAP_FIN_WAIT2);
		return WIRE_TCP_FIN_WAIT2;
	}
	if (minisock->tw_substate != WIRE_TCP_FIN_WAIT2 && !bpf_map_delete_elem(&fin_wait2_minisocks, &key))
		return WIRE_TCP_TIME_WAIT;
	return WIRE_TCP_FIN_WAIT2;
}

/* Whether it turned: only the first to ask finds it in the map. */
static __always_inline bool minisock_scheduled(const struct inet_timewait_sock *minisock, u32 flags)
{
	u64 key = (u64)minisock;

	if (BPF_CORE_READ(minisock, tw_substate) != WIRE_TCP_TIME_WAIT)
		return false;
	if (bpf_map_delete_elem(&fin_wait2_minisocks, &key))
		return false;
	write_minisock(minisock, NULL, WIRE_TIME_WAIT_TURN, flags);
	return true;
}

static __always_inline void minisock_freed(const struct inet_timewait_sock *minisock, u32 flags)
{
	u64 key = (u64)minisock;

	bpf_map_delete_elem(&fin_wait2_minisocks, &key);
	write_minisock(minisock, NULL, WIRE_TIME_WAIT_LEAVE, flags);
}

SEC("?fentry/inet_twsk_hashdance_schedule")
int BPF_PROG(time_wait_enter_fentry, struct inet_timewait_sock *minisock, struct sock *sk)
{
	mark_handled(minisock, WIRE_TIME_WAIT_ENTER);
	minisock_born(minisock, sk, 0);
	return 0;
}

SEC("?kprobe/inet_twsk_hashdance_schedule")
int BPF_KPROBE(time_wait_enter_kprobe, struct inet_timewait_sock *minisock, struct sock *sk)
{
	mark_handled(minisock, WIRE_TIME_WAIT_ENTER);
	minisock_born(minisock, sk, 0);
	return 0;
}

SEC("?fentry/__inet_twsk_schedule")
int BPF_PROG(time_wait_turn_fentry, struct inet_timewait_sock *minisock)
{
	program_runs(WIRE_TIME_WAIT_TURN);
	minisock_scheduled(minisock, 0);
	return 0;
}

SEC("?kprobe/__inet_twsk_schedule")
int BPF_KPROBE(time_wait_turn_kprobe, struct inet_timewait_sock *minisock)
{
	program_runs(WIRE_TIME_WAIT_TURN);
	minisock_scheduled(minisock, 0);
	return 0;
}

SEC("?fentry/tcp_timewait_state_process")
int BPF_PROG(time_wait_segment_fentry, struct inet_timewait_sock *minisock, const void *skb,
	     const struct tcphdr *header)
{
	segment_arrived(minisock, header);
	return 0;
}

SEC("?kprobe/tcp_timewait_state_process")
int BPF_KPROBE(time_wait_segment_kprobe, struct inet_timewait_sock *minisock, const void *skb,
	       const struct tcphdr *header)
{
	segment_arrived(minisock, header);
	return 0;
}

SEC("?fentry/tcp_twsk_destructor")
int BPF_PROG(time_wait_leave_fentry, struct sock *minisock)
{
	mark_handled((struct inet_timewait_sock *)minisock, WIRE_TIME_WAIT_LEAVE);
	minisock_freed((struct inet_timewait_sock *)minisock, 0);
	return 0;
}

SEC("?kprobe/tcp_twsk_destructor")
int BPF_KPROBE(time_wait_leave_kprobe, struct sock *minisock)
{
	mark_handled((struct inet_timewait_sock *)minisock, WIRE_TIME_WAIT_LEAVE);
	minisock_freed((struct inet_timewait_sock *)minisock, 0);
	return 0;
}

SEC("?fexit/inet_twsk_hashdance_schedule")
int BPF_PROG(time_wait_enter_second_chance, struct inet_timewait_sock *minisock, struct sock *sk)
{
	if (!take_handled(minisock, WIRE_TIME_WAIT_ENTER))
		minisock_born(minisock, sk, WIRE_FLAG_SECOND_CHANCE);
	return 0;
}

SEC("?fexit/__inet_twsk_schedule")
int BPF_PROG(time_wait_turn_second_chance, struct inet_timewait_sock *minisock)
{
	if (minisock_program_ran[WIRE_TIME_WAIT_TURN] && minisock_scheduled(minisock, WIRE_FLAG_SECOND_CHANCE))
		__sync_fetch_and_add(&losses.minisocks_caught[WIRE_TIME_WAIT_TURN], 1);
	return 0;
}

SEC("?fexit/tcp_twsk_destructor")
int BPF_PROG(time_wait_leave_second_chance, struct sock *minisock)
{
	if (!take_handled((struct inet_timewait_sock *)minisock, WIRE_TIME_WAIT_LEAVE))
		minisock_freed((struct inet_timewait_sock *)minisock, WIRE_FLAG_SECOND_CHANCE);
	return 0;
}

SEC("?fexit/inet_twsk_alloc")
int BPF_PROG(time_wait_overflow, const struct sock *sk, const void *death_row, int state,
	     struct inet_timewait_sock *minisock)
{
	struct socket_tuple tuple = {};
	struct time_wait_event *event;
	u32 netns;

	if (minisock || sk->sk_protocol != IPPROTO_TCP || (config_filter.flags && is_ignored(sk)))
		return 0;
	read_common_tuple(&tuple, &sk->__sk_common, true);
	tuple.protocol = IPPROTO_TCP;
	tuple.type = SOCK_STREAM;
	netns = read_netns(&sk->__sk_common, true);
	if (!filter_tuple(&tuple, netns))
		return 0;
	event = EVENT_RESERVE(time_wait, time_wait_event);
	if (!event)
		return 0;
	event->sk = (u64)sk;
	event->tuple = tuple;
	event->netns = netns;
	event->action = WIRE_TIME_WAIT_OVERFLOW;
	event->substate = state;
	event_submit(event);
	return 0;
}
