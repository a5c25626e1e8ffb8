// SPDX-License-Identifier: GPL-2.0-only
/* socket(), bind(), listen(), connect() and accept(), seen where the system call ends: the arguments still
 * stand in the saved registers, so a call that was already blocked when we attached is seen, too, and no
 * enter/exit pair can fall apart.
 *
 *   socket_syscall_exit_classic  tp/syscalls/sys_exit_{socket,bind,listen,connect,accept,accept4}: one program,
 *                                attached to those that are asked for
 *   socket_syscall_exit_raw      tp/raw_syscalls/sys_exit: dearer, but from 7.0 on the one that loses nothing;
 *                                tp/syscalls programs are preemptible there, and one that was preempted keeps
 *                                every classic and kprobe program from running on its CPU
 *   socket_syscall_exit_btf      tp_btf/sys_exit, where classic tracepoints may not be used
 *   accept_fexit, accept_fexit_before_6_10
 *                                fexit/inet_csk_accept: who accepted, without descriptor; no syscall pays
 *   accept_kretprobe             the same; returns are missed when more tasks block in accept() than it has slots
 *
 * Misses: io_uring's socket, bind, listen and connect are no system calls of these names; its connections are seen by
 * their states, with the owner of the connect. Its accepts: io_uring.bpf.c. */
#include "socket_call.h"

#define EINTR 4
#define EAGAIN 11
#define EINPROGRESS 115
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516
/* What connect(2) asks of an address at least: struct sockaddr_in, and struct sockaddr_in6 without the scope
 * (SIN6_LEN_RFC2133, include/net/ipv6.h). */
#define SOCKADDR_IN_BYTES 16
#define SOCKADDR_IN6_BYTES 24

/* Ends that are no outcome: try again, or the call starts over after a signal. */
static __always_inline bool is_no_outcome(long result)
{
	return result == -EAGAIN || result == -EINTR || (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK);
}

static __always_inline void handle_accept_call(const struct user_call *call, long result)
{
	struct socket_call_event *event;
	struct sock *accepted = NULL, *listener;
	struct fd_slots slots;

	slots_of_current(&slots);
	listener = sock_of_file(file_in_slots(&slots, (s32)call->args[0]));
	if (result >= 0)
		accepted = sock_of_file(file_in_slots(&slots, (s32)result));
	event = SOCKET_CALL_RESERVE(accept);
	if (!event)
		return;
	/* An accepted socket is no listener: if it is, another thread has closed the descriptor and used its number
	 * again before we looked. */
	if (fill_accepted(event, accepted) == WIRE_TCP_LISTEN)
		event->sk = 0;
	event->listener = (u64)listener;
	if (!accepted && listener) {
		event->tuple.protocol = BPF_CORE_READ(listener, sk_protocol);
		event->tuple.type = BPF_CORE_READ(listener, sk_type);
	}
	if (result >= 0)
		event->fd = (s32)result;
	else
		event->error = (s32)-result;
	event_submit(event);
}

static __always_inline void handle_accept(const struct user_call *call, long result)
{
	if (is_no_outcome(result))
		return;
	if ((config_filter.flags & FILTER_TGIDS) && !filter_tgid(bpf_get_current_pid_tgid() >> 32)) {
		if (result >= 0)
			handle_unwanted_accept((s32)result);
	} else if (config_features & FEATURE_ACCEPT_CALLS) {
		handle_accept_call(call, result);
	} else if (result >= 0) {
		handle_accept_owner((s32)result, 0);
	}
}

/* A connect that fails before its first SYN leaves no peer in the socket; the caller's address is still there. */
static __always_inline void fill_peer_asked_for(struct socket_tuple *tuple, const void *user_address, u32 length)
{
	struct {
		u16 family;
		u16 port;
		u32 ipv4; /* sin_addr, or sin6_flowinfo */
	} head = {};

	if (tuple->rport || length < SOCKADDR_IN_BYTES || bpf_probe_read_user(&head, sizeof(head), user_address))
		return;
	if (head.family == AF_INET && (tuple->family == AF_INET || tuple->family == AF_INET6)) {
		set_mapped_ipv4(tuple->raddr, head.ipv4);
	} else if (head.family == AF_INET6 && tuple->family == AF_INET6 && length >= SOCKADDR_IN6_BYTES) {
		bpf_probe_read_user(tuple->raddr, sizeof(tuple->raddr), user_address + sizeof(head));
		normalise_family(tuple);
	} else {
		return;
	}
	tuple->rport = bpf_ntohs(head.port);
}

/* The states tell the outcome of a TCP connect; what they can't tell is a failure before the first SYN, and
 * every other protocol. EINPROGRESS and an interruption are told, too: the attempt goes on, and no return of this
 * call will explain its failure. EAGAIN is an outcome: a UNIX listener's queue is full, UDP finds no port. */
static __always_inline void handle_connect(const struct user_call *call, long result)
{
	bool interrupted = result == -EINTR || (result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK);
	struct socket_call_event *event;
	struct sock *sk;
	bool tcp;

	sk = sock_of_current_fd((s32)call->args[0]);
	tcp = sk && is_tcp_socket(sk);
	if (tcp ? !result : (interrupted || result == -EINPROGRESS))
		return;
	event = SOCKET_CALL_RESERVE(connect);
	if (!event)
		return;
	fill_socket(event, sk);
	if (result < 0)
		fill_peer_asked_for(&event->tuple, (const void *)call->args[1], call->args[2]);
	event->fd = (s32)call->args[0];
	event->error = interrupted ? EINTR : (s32)-result;
	event_submit(event);
}

/* The number of an MPTCP socket's protocol does not fit into a tuple; its subflows are TCP. */
static __always_inline u8 protocol_asked_for(u64 protocol)
{
	return protocol == IPPROTO_MPTCP ? IPPROTO_TCP : (u8)protocol;
}

/* On failure there is no socket to read: the arguments tell what was asked for. */
static __always_inline void handle_socket(const struct user_call *call, long result)
{
	struct socket_call_event *event = SOCKET_CALL_RESERVE(socket);
	struct sock *sk;

	if (!event)
		return;
	sk = result >= 0 ? sock_of_current_fd((s32)result) : NULL;
	if (sk) {
		fill_socket(event, sk);
	} else {
		event->tuple.family = (u8)call->args[0];
		event->tuple.type = (u8)(call->args[1] & 0xf); /* SOCK_TYPE_MASK */
		event->tuple.protocol = protocol_asked_for(call->args[2]);
	}
	if (result >= 0)
		event->fd = (s32)result;
	else
		event->error = (s32)-result;
	event_submit(event);
}

static __always_inline void handle_bind(const struct user_call *call, long result)
{
	struct socket_call_event *event = SOCKET_CALL_RESERVE(bind);

	if (!event)
		return;
	fill_socket(event, sock_of_current_fd((s32)call->args[0]));
	event->fd = (s32)call->args[0];
	event->error = (s32)-result;
	event_submit(event);
}

static __always_inline void handle_listen(const struct user_call *call, long result)
{
	struct socket_call_event *event = SOCKET_CALL_RESERVE(listen);

	if (!event)
		return;
	fill_socket(event, sock_of_current_fd((s32)call->args[0]));
	event->fd = (s32)call->args[0];
	event->backlog = (s32)call->args[1];
	event->error = (s32)-result;
	event_submit(event);
}

static __always_inline int handle_syscall(const struct user_call *call, long result)
{
	bool wants_accept = config_features & (FEATURE_ACCEPT_CALLS | FEATURE_ACCEPT_OWNER);
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	bool is_accept = call->number == NR_accept || call->number == NR_accept4;

	if (tgid == config_self_tgid)
		return 0;
	/* An accept by somebody else still tells that the connection is not asked for. */
	if (is_accept && wants_accept)
		handle_accept(call, result);
	if (is_accept || !filter_tgid(tgid))
		return 0;
	if (call->number == NR_connect && (config_features & FEATURE_CONNECT_CALLS))
		handle_connect(call, result);
	else if (call->number == NR_socket && (config_features & FEATURE_SOCKET_CALLS))
		handle_socket(call, result);
	else if (call->number == NR_bind && (config_features & FEATURE_SOCKET_CALLS))
		handle_bind(call, result);
	else if (call->number == NR_listen && (config_features & FEATURE_SOCKET_CALLS))
		handle_listen(call, result);
	return 0;
}

SEC("?tp/syscalls/sys_exit_accept4")
int socket_syscall_exit_classic(struct trace_event_raw_sys_exit *ctx)
{
	struct user_call call;

	current_user_call(&call);
	return handle_syscall(&call, ctx->ret);
}

static __always_inline bool is_socket_syscall(long number)
{
	switch (number) {
	case NR_socket:
	case NR_bind:
	case NR_listen:
		return config_features & FEATURE_SOCKET_CALLS;
	case NR_connect:
		return config_features & FEATURE_CONNECT_CALLS;
	case NR_accept:
	case NR_accept4:
		return config_features & (FEATURE_ACCEPT_CALLS | FEATURE_ACCEPT_OWNER);
	default:
		return false;
	}
}

SEC("?tp/raw_syscalls/sys_exit")
int socket_syscall_exit_raw(struct trace_event_raw_sys_exit *ctx)
{
	struct user_call call;

	if (!is_socket_syscall(ctx->id))
		return 0;
	current_user_call(&call);
	if (call.number != ctx->id)
		return 0;
	return handle_syscall(&call, ctx->ret);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(socket_syscall_exit_btf, struct pt_regs *regs, long result)
{
	struct user_call call;

	if (!is_socket_syscall(regs->orig_ax))
		return 0;
	current_user_call(&call);
	if (call.number != (long)regs->orig_ax)
		return 0;
	return handle_syscall(&call, result);
}

static __always_inline int handle_accepted(struct sock *sk, struct sock *listener)
{
	struct socket_call_event *event;

	if (!sk || (u32)(bpf_get_current_pid_tgid() >> 32) == config_self_tgid)
		return 0;
	event = SOCKET_CALL_RESERVE(accept);
	if (!event)
		return 0;
	fill_accepted(event, sk);
	event->listener = (u64)listener;
	event_submit(event);
	return 0;
}

/* inet_csk_accept() took four arguments until 6.10 put three of them into one struct (92ef0fd55ac8). The result
 * stands behind the arguments, so each needs a program of its own. */
SEC("?fexit/inet_csk_accept")
int BPF_PROG(accept_fexit, struct sock *listener, void *argument, struct sock *accepted)
{
	return handle_accepted(accepted, listener);
}

SEC("?fexit/inet_csk_accept")
int BPF_PROG(accept_fexit_before_6_10, struct sock *listener, int flags, int *error, bool kernel,
	     struct sock *accepted)
{
	return handle_accepted(accepted, listener);
}

SEC("?kretprobe/inet_csk_accept")
int accept_kretprobe(struct pt_regs *ctx)
{
	return handle_accepted((struct sock *)PT_REGS_RC(ctx), NULL);
}
