/* SPDX-License-Identifier: GPL-2.0-only */
/* The record of one call on a socket, and what several hooks tell with it. */
#ifndef SOCKEYE_SOCKET_CALL_H
#define SOCKEYE_SOCKET_CALL_H

#include "fd_table.h"
#include "filter.h"
#include "sock.h"

/* Returns the socket's state. */
static __always_inline u8 fill_socket(struct socket_call_event *event, struct sock *sk)
{
	event->sk = (u64)sk;
	return sk ? read_sock_tuple(&event->tuple, &event->netns, sk) : WIRE_TCP_CLOSE;
}

/* A connection may be reset while it waits to be accepted: then its port is put back (inet_put_port), and only its source
 * port stays. */
static __always_inline u8 fill_accepted(struct socket_call_event *event, struct sock *sk)
{
	u8 state = fill_socket(event, sk);

	if (sk && state == WIRE_TCP_CLOSE && event->tuple.protocol == IPPROTO_TCP) {
		event->tuple.lport = read_source_port(sk);
		event->header.flags |= WIRE_FLAG_SOCK_CLOSED;
	}
	return state;
}

/* A record of kind `name` with the caller filled in; NULL after counting the loss. */
#define SOCKET_CALL_RESERVE(name)                                                                    \
	({                                                                                           \
		struct socket_call_event *call_ = EVENT_RESERVE(name, socket_call_event);            \
		if (call_) {                                                                         \
			header_set_current(&call_->header);                                          \
			read_process_comm(call_->comm);                                              \
			call_->fd = -1;                                                              \
		}                                                                                    \
		call_;                                                                               \
	})

static __always_inline struct sock *sock_of_current_fd(s32 fd)
{
	struct fd_slots slots;

	slots_of_current(&slots);
	return sock_of_file(file_in_slots(&slots, fd));
}

/* Who owns the connection is all that the live view wants: its tuple is known from its states, and each read
 * of kernel memory costs the acceptor. */
static __always_inline void handle_accept_owner(s32 fd, u32 flags)
{
	struct socket_call_event *event;
	struct sock *accepted = sock_of_current_fd(fd);

	if (!accepted)
		return;
	event = SOCKET_CALL_RESERVE(accept);
	if (!event)
		return;
	event->header.flags |= flags;
	event->sk = (u64)accepted;
	event->fd = fd;
	event_submit(event);
}

/* Somebody who is not asked for has accepted: that ends what is told of the connection. */
static __always_inline void handle_unwanted_accept(s32 fd)
{
	struct sock *accepted = sock_of_current_fd(fd);

	/* Other sockets have no end that takes them off the map again. */
	if (!accepted || !is_tcp_socket(accepted) || is_ignored(accepted))
		return;
	ignore_socket(accepted);
	handle_accept_owner(fd, WIRE_FLAG_UNWANTED);
}

#endif
