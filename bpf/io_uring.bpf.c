// SPDX-License-Identifier: GPL-2.0-only
/* What io_uring's operations make, seen where they complete: no system call tells of it. In the context of the process
 * whose descriptor it is, a worker of its ring among them (before 5.12 workers were kernel threads).
 *
 *   fd_io_uring_complete_{classic,btf}      tp/io_uring/io_uring_complete, tp_btf/io_uring_complete: descriptors, for
 *                                           where fd_install() can't be hooked
 *   accept_io_uring_complete_{classic,btf}  the same: who accepted
 *
 * Misses: everything before 5.18, where the tracepoint has no request; what goes into a ring's own table, which is no
 * descriptor. A request that completes more than once (multishot accept, 5.19) has no name but in its last completion:
 * a result that is the number of a socket's descriptor may be an accept (WIRE_FLAG_PERHAPS), and is told once; its
 * descriptor is not. */
#include "fd_calls.h"
#include "socket_call.h"

struct io_kiocb {
	u8 opcode;
} __attribute__((preserve_access_index));
/* What an operation keeps in its request, at offset 0: the slot of the ring's own table that it fills; 0: none. */
struct io_accept {
	u32 file_slot;
} __attribute__((preserve_access_index));
struct io_open {
	u32 file_slot;
} __attribute__((preserve_access_index));
struct io_socket {
	u32 file_slot;
} __attribute__((preserve_access_index));
struct io_uring_cqe {
	s32 res;
} __attribute__((preserve_access_index));
struct trace_event_raw_io_uring_complete {
	void *req;
	int res;
} __attribute__((preserve_access_index));

/* Operations that make a descriptor: enum io_uring_op. */
enum {
	IORING_OP_ACCEPT = 13,
	IORING_OP_OPENAT = 18,
	IORING_OP_OPENAT2 = 28,
	IORING_OP_SOCKET = 45,
	IORING_OP_FIXED_FD_INSTALL = 54,
};

/* A finished operation. Without request: one completion of several. */
struct ring_completion {
	struct io_kiocb *request;
	s32 result;
};

/* False: this kernel's tracepoint has no request. */
static __always_inline bool completion_of_classic(struct ring_completion *completion,
						  struct trace_event_raw_io_uring_complete *ctx)
{
	if (!bpf_core_field_exists(ctx->req))
		return false;
	completion->request = ctx->req;
	completion->result = ctx->res;
	return true;
}

/* Arguments: (ctx, req, user_data, res, …) from 5.18, (ctx, req, cqe) from 6.16. */
static __always_inline bool completion_of_btf(struct ring_completion *completion, u64 *ctx)
{
	struct trace_event_raw_io_uring_complete *classic = NULL;

	if (!bpf_core_field_exists(classic->req))
		return false;
	completion->request = (struct io_kiocb *)ctx[1];
	if (LINUX_KERNEL_VERSION >= 0x061000)
		completion->result = BPF_CORE_READ((struct io_uring_cqe *)ctx[2], res);
	else
		completion->result = (s32)ctx[3];
	return true;
}

#define FILE_SLOT(type, request)                                                                     \
	(bpf_core_field_exists(((struct type *)0)->file_slot) ? BPF_CORE_READ((struct type *)(request), file_slot) : 0)

/* Whether the result is the number of a new descriptor. One that the ring chose a slot for (IORING_FILE_INDEX_ALLOC)
 * has that slot's number as its result. Descriptor 0 is missed: that is the result of many that fill a slot, too. */
static __always_inline bool makes_descriptor(const struct ring_completion *completion, u8 operation)
{
	struct io_kiocb *request = completion->request;

	if (completion->result <= 0)
		return false;
	switch (operation) {
	case IORING_OP_ACCEPT:
		return !FILE_SLOT(io_accept, request);
	case IORING_OP_OPENAT:
	case IORING_OP_OPENAT2:
		return !FILE_SLOT(io_open, request);
	case IORING_OP_SOCKET:
		return !FILE_SLOT(io_socket, request);
	case IORING_OP_FIXED_FD_INSTALL:
		return true;
	default:
		return false;
	}
}

static __always_inline int descriptor_completed(const struct ring_completion *completion)
{
	struct io_kiocb *request = completion->request;

	if (!request || completion->result <= 0)
		return 0;
	if (makes_descriptor(completion, BPF_CORE_READ(request, opcode)) &&
	    filter_tgid(bpf_get_current_pid_tgid() >> 32))
		write_opened(completion->result, FD_VIA_io_uring);
	return 0;
}

SEC("?tp/io_uring/io_uring_complete")
int fd_io_uring_complete_classic(struct trace_event_raw_io_uring_complete *ctx)
{
	struct ring_completion completion;

	return completion_of_classic(&completion, ctx) ? descriptor_completed(&completion) : 0;
}

SEC("?tp_btf/io_uring_complete")
int fd_io_uring_complete_btf(u64 *ctx)
{
	struct ring_completion completion;

	return completion_of_btf(&completion, ctx) ? descriptor_completed(&completion) : 0;
}

/* Inode numbers of sockets that a completion without request has told of: a ring that receives as many bytes as one
 * of its connections' descriptors has for a number does so again and again. Written and read here only; what falls out
 * is told twice, and userspace knows. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, u8);
} perhaps_accepted SEC(".maps");

/* A TCP connection behind the descriptor; NULL if it is something else, or has been told before. */
static __always_inline struct sock *perhaps_accepted_now(s32 fd)
{
	struct fd_slots slots;
	struct file *file;
	struct sock *sk;
	u8 state, one = 1;
	u64 inode;

	slots_of_current(&slots);
	file = file_in_slots(&slots, fd);
	sk = sock_of_file(file);
	if (!sk || !is_tcp_socket(sk))
		return NULL;
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == WIRE_TCP_LISTEN || state == WIRE_TCP_SYN_SENT)
		return NULL;
	inode = BPF_CORE_READ(file, f_inode, i_ino);
	if (bpf_map_lookup_elem(&perhaps_accepted, &inode))
		return NULL;
	bpf_map_update_elem(&perhaps_accepted, &inode, &one, BPF_ANY);
	return sk;
}

static __always_inline int accept_completed(const struct ring_completion *completion)
{
	bool wanted = filter_tgid(bpf_get_current_pid_tgid() >> 32);
	struct io_kiocb *request = completion->request;
	struct socket_call_event *event;
	struct sock *accepted;
	u32 flags = 0;

	if (completion->result <= 0 || (u32)(bpf_get_current_pid_tgid() >> 32) == config_self_tgid)
		return 0;
	if (request) {
		u8 operation = BPF_CORE_READ(request, opcode);

		if (operation != IORING_OP_ACCEPT || !makes_descriptor(completion, operation))
			return 0;
		if (!wanted) {
			handle_unwanted_accept(completion->result);
			return 0;
		}
		accepted = sock_of_current_fd(completion->result);
	} else {
		if (!wanted)
			return 0;
		accepted = perhaps_accepted_now(completion->result);
		flags = WIRE_FLAG_PERHAPS;
	}
	if (!accepted)
		return 0;
	event = SOCKET_CALL_RESERVE(accept);
	if (!event)
		return 0;
	fill_accepted(event, accepted);
	event->header.flags |= flags;
	event->fd = completion->result;
	event_submit(event);
	return 0;
}

SEC("?tp/io_uring/io_uring_complete")
int accept_io_uring_complete_classic(struct trace_event_raw_io_uring_complete *ctx)
{
	struct ring_completion completion;

	return completion_of_classic(&completion, ctx) ? accept_completed(&completion) : 0;
}

SEC("?tp_btf/io_uring_complete")
int accept_io_uring_complete_btf(u64 *ctx)
{
	struct ring_completion completion;

	return completion_of_btf(&completion, ctx) ? accept_completed(&completion) : 0;
}
