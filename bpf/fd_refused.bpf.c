// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors that the kernel refused, with the call that asked for one and the way that led to it: EMFILE, the process is
 * at its limit, and ENFILE, the host is. FEATURE_REFUSALS. One refusal is like the next: what a program misses here is
 * no loss.
 *
 *   fd_refused_fexit           fexit/alloc_fd, through which every new number goes: EMFILE
 *   fd_refused_fexit_before_5_11  fexit/__alloc_fd, its older name
 *   file_refused_fexit         fexit/alloc_empty_file: ENFILE
 *   fd_refused_classic         tp/syscalls/sys_exit_X, for each X that makes descriptors
 *   fd_refused_raw             tp/raw_syscalls/sys_exit
 *
 * By system calls inotify_init() and fanotify_init() are left out: they give EMFILE for a limit of their own. */
#include "fd_calls.h"

#define ENFILE 23
#define EMFILE 24

static __always_inline int descriptor_refused(long result)
{
	u64 id = bpf_get_current_pid_tgid(), stack = 0;
	struct fd_refused_event *event;

	if ((result != -EMFILE && result != -ENFILE) || !filter_tgid(id >> 32))
		return 0;
	if (config_features & FEATURE_STACKS)
		stack = stack_of_new_descriptor();
	event = EVENT_RESERVE(fd_refused, fd_refused_event);
	if (!event)
		return 0;
	header_set_current(&event->header);
	event->stack = stack;
	event->call = is_compat_call() ? SYSTEM_CALL_UNKNOWN : (u32)BPF_CORE_READ(saved_registers(), orig_ax);
	event->error = -result;
	read_process_comm(event->comm);
	event_submit(event);
	return 0;
}

SEC("?fexit/alloc_fd")
int BPF_PROG(fd_refused_fexit, unsigned int start, unsigned int end, unsigned int flags, int result)
{
	return descriptor_refused(result);
}

SEC("?fexit/__alloc_fd")
int BPF_PROG(fd_refused_fexit_before_5_11, struct files_struct *files, unsigned int start, unsigned int end,
	     unsigned int flags, int result)
{
	return descriptor_refused(result);
}

/* struct file *alloc_empty_file(int flags, const struct cred *): an error is no pointer to compare and negate, says the
 * verifier, so the word behind the two arguments is read as memory. */
SEC("?fexit/alloc_empty_file")
int file_refused_fexit(unsigned long long *ctx)
{
	long result = 0;

	bpf_probe_read_kernel(&result, sizeof(result), &ctx[2]);
	return descriptor_refused(result);
}

SEC("?tp/syscalls/sys_exit_openat")
int fd_refused_classic(struct trace_event_raw_sys_exit *ctx)
{
	return descriptor_refused(ctx->ret);
}

SEC("?tp/raw_syscalls/sys_exit")
int fd_refused_raw(struct trace_event_raw_sys_exit *ctx)
{
	if (ctx->ret != -EMFILE && ctx->ret != -ENFILE)
		return 0;
	switch (ctx->id) {
	case NR_inotify_init:
	case NR_inotify_init1:
	case NR_fanotify_init:
		return 0;
	}
	return via_of_call(ctx->id) == FD_VIA_unknown ? 0 : descriptor_refused(ctx->ret);
}
