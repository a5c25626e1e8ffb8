// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors that come and go, seen at system calls; by function: fd_functions.bpf.c. Userspace attaches one
 * of both families. They write fd_open and fd_close (FEATURE_DESCRIPTORS); with config_closes_tell_sockets = 1
 * the close of a socket's last descriptor also writes socket_close (FEATURE_SOCKET_CLOSE), for where
 * sock_close() cannot be hooked. What fork copies and exit closes is written by process.bpf.c, in both.
 *
 * fd_syscall_exit_classic on tp/syscalls/sys_exit_X for each X of
 *   open openat openat2 creat open_by_handle_at open_tree open_tree_attr mq_open socket socketpair accept
 *   accept4 pipe pipe2 dup dup2 dup3 fcntl eventfd eventfd2 epoll_create epoll_create1 timerfd_create signalfd
 *   signalfd4 inotify_init inotify_init1 fanotify_init memfd_create memfd_secret userfaultfd perf_event_open bpf
 *   pidfd_open pidfd_getfd io_uring_setup fsopen fsmount fspick clone clone3 recvmsg recvmmsg getsockopt ioctl
 *   seccomp landlock_create_ruleset execve execveat
 * (a kernel lacks some), and fd_syscall_enter_classic on tp/syscalls/sys_enter_X for each X of
 *   close close_range dup2 dup3 execve execveat
 * Or, from 7.0 on, fd_syscall_exit_raw on tp/raw_syscalls/sys_exit and fd_syscall_enter_raw on
 * tp/raw_syscalls/sys_enter: dearer, but a program on tp/syscalls can be preempted there, and until it goes on every
 * classic and kprobe program is skipped on its CPU (7.3, lazy preemption: a quarter of a churn lost).
 * Or, where classic tracepoints may not be used: fd_syscall_exit_btf on tp_btf/sys_exit and fd_syscall_enter_btf on
 * tp_btf/sys_enter. io_uring's own opens and accepts: io_uring.bpf.c. For socket_close alone: the enter programs, and
 * the exit program on execve and execveat.
 *
 * Misses: io_uring's closes; seccomp's ADDFD; ioctls that hand out descriptors inside a struct; the copy that
 * unshare(CLONE_FILES) makes; more than 256 closed by one exec; 32-bit system calls. Two threads that close the same
 * number at once are both told. The tp_btf programs are skipped from 7.0 on while another task is preempted inside
 * them. What a tick counts is right all the same.
 *
 *   existing_fds  iter/task_file   every descriptor of every process */
#include "fd_calls.h"
#include "iterator.h"

/* What an exec under way will close: written when execve() is entered, deleted when it returns. The files
 * still exist then, since a file that exec closes is put only on the way back to the caller. A 64-bit program
 * that becomes a 32-bit one returns unseen: its entry is overwritten by the next exec of that task, or of the
 * next task at that address. */
#define EXEC_CLOSING_MAX 256
#define EXEC_STEPS 384 /* a step is one descriptor or the way to the next 64 */
struct exec_closing {
	u32 count;
	s32 fds[EXEC_CLOSING_MAX];
	u64 files[EXEC_CLOSING_MAX];
};
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, u64); /* address of task_struct: its tid changes when a thread executes */
	__type(value, struct exec_closing);
} exec_closings SEC(".maps");
static const struct exec_closing no_exec_closing = {};

/* Remembers the descriptors that exec would close. */
__noinline int remember_exec(u64 task)
{
	struct files_struct *files = current_files();
	struct fdtable *table = BPF_CORE_READ(files, fdt);
	struct file **slots = BPF_CORE_READ(table, fd);
	u32 words = BPF_CORE_READ(table, max_fds) / 64;
	struct exec_closing *closing;
	u32 index = 0;
	u64 word = 0;

	if (bpf_map_update_elem(&exec_closings, &task, &no_exec_closing, BPF_ANY)) {
		count_map_failure(LOSS_MAP_DESCRIPTORS);
		return 0;
	}
	closing = bpf_map_lookup_elem(&exec_closings, &task);
	if (!closing)
		return 0;
	for (u32 step = 0; step < EXEC_STEPS; step++) {
		struct file *file = NULL;
		u32 fd, count;

		if (!word) {
			if (index >= words)
				break;
			word = read_open_word(table, index, FD_CHANGE_CLOEXEC);
			index++;
			continue;
		}
		fd = (index - 1) * 64 + lowest_bit(word);
		word &= word - 1;
		count = closing->count;
		if (count >= EXEC_CLOSING_MAX)
			break;
		bpf_probe_read_kernel(&file, sizeof(file), &slots[fd]);
		closing->fds[count] = fd;
		closing->files[count] = (u64)file;
		closing->count = count + 1;
	}
	return 0;
}

__noinline int write_closed_by_exec(s32 fd, u64 file)
{
	struct fd_slots slots;

	slots_of_current(&slots);
	if (file && (u64)file_in_slots(&slots, fd) != file)
		write_fd_change(slots.files, (struct file *)file, fd, FD_VIA_exec | FD_CHANGE_CLOSE,
			     bpf_get_current_pid_tgid());
	return 0;
}

/* exec has returned: what it closed, if it went well. */
__noinline int write_exec_closed(u64 task, long result)
{
	struct exec_closing *closing = bpf_map_lookup_elem(&exec_closings, &task);

	if (!closing)
		return 0;
	if (!result) {
		for (u32 i = 0; i < EXEC_CLOSING_MAX; i++) {
			if (i >= closing->count)
				break;
			write_closed_by_exec(closing->fds[i], closing->files[i]);
		}
	}
	bpf_map_delete_elem(&exec_closings, &task);
	return 0;
}

#define CLOSE_RANGE_UNSHARE (1 << 1)
#define CLOSE_RANGE_CLOEXEC (1 << 2)

/* close_range() that first leaves a shared table changes the process's own only if its leader calls. */
static __always_inline void write_closed_range(u32 first, u32 last, u32 flags, u64 id)
{
	struct files_struct *files = current_files();

	if (flags & CLOSE_RANGE_CLOEXEC)
		return;
	if ((flags & CLOSE_RANGE_UNSHARE) && id >> 32 != (u32)id && BPF_CORE_READ(files, count.counter) > 1)
		return;
	write_fds((u64)files, first, last, FD_VIA_close_range | FD_CHANGE_CLOSE, id);
}

static __always_inline void write_replaced(s32 old_fd, s32 new_fd, u64 id)
{
	struct fd_slots slots;
	struct file *replaced;

	slots_of_current(&slots);
	replaced = file_in_slots(&slots, new_fd);
	if (old_fd != new_fd && replaced && file_in_slots(&slots, old_fd))
		write_fd_change(slots.files, replaced, new_fd, FD_VIA_dup | FD_CHANGE_CLOSE, id);
}

static __always_inline void write_closed(s32 fd, u64 id)
{
	struct fd_slots slots;
	struct file *file;

	slots_of_current(&slots);
	file = file_in_slots(&slots, fd);
	if (file)
		write_fd_change(slots.files, file, fd, FD_VIA_close | FD_CHANGE_CLOSE | FD_CHANGE_COUNT_LESS, id);
}

/* `first`: its first argument. A tracepoint's context ends with the last argument of its call, so that the
 * others are read from the registers. */
static __always_inline int fd_call_entered(u32 number, u64 first)
{
	u64 id = bpf_get_current_pid_tgid();

	if (!filter_tgid(id >> 32))
		return 0;
	switch (number) {
	case NR_close:
		write_closed(first, id);
		break;
	case NR_close_range:
		write_closed_range(first, CALL_ARGUMENT(si), CALL_ARGUMENT(dx), id);
		break;
	case NR_dup2:
	case NR_dup3:
		write_replaced(first, CALL_ARGUMENT(si), id);
		break;
	case NR_execve:
	case NR_execveat:
		remember_exec(bpf_get_current_task());
		break;
	}
	return 0;
}

static __always_inline int fd_call_ended(u32 number, long result)
{
	if (number == NR_execve || number == NR_execveat)
		return write_exec_closed(bpf_get_current_task(), result);
	return fd_call_returned(number, result);
}

SEC("?tp/syscalls/sys_enter_close")
int fd_syscall_enter_classic(struct trace_event_raw_sys_enter *ctx)
{
	return fd_call_entered(ctx->id, ctx->args[0]);
}

SEC("?tp/syscalls/sys_exit_openat")
int fd_syscall_exit_classic(struct trace_event_raw_sys_exit *ctx)
{
	return fd_call_ended(ctx->id, ctx->ret);
}

/* For programs that see every system call: those that none of the families wants end here. */
static __always_inline int any_call_entered(u32 number, u64 first)
{
	switch (number) {
	case NR_close:
	case NR_close_range:
	case NR_dup2:
	case NR_dup3:
	case NR_execve:
	case NR_execveat:
		if (!is_compat_call())
			return fd_call_entered(number, first);
	}
	return 0;
}

static __always_inline int any_call_ended(u32 number, long result)
{
	switch (number) {
	case NR_close:
	case NR_close_range:
	case NR_io_uring_enter:
		return 0;
	case NR_execve:
	case NR_execveat:
		break;
	default:
		if (via_of_call(number) == FD_VIA_unknown)
			return 0;
	}
	return is_compat_call() ? 0 : fd_call_ended(number, result);
}

SEC("?tp/raw_syscalls/sys_enter")
int fd_syscall_enter_raw(struct trace_event_raw_sys_enter *ctx)
{
	return any_call_entered(ctx->id, ctx->args[0]);
}

SEC("?tp/raw_syscalls/sys_exit")
int fd_syscall_exit_raw(struct trace_event_raw_sys_exit *ctx)
{
	return any_call_ended(ctx->id, ctx->ret);
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(fd_syscall_enter_btf, struct pt_regs *regs, long number)
{
	return any_call_entered(number, regs->di);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(fd_syscall_exit_btf, struct pt_regs *regs, long result)
{
	return any_call_ended(regs->orig_ax, result);
}

/* Descriptors of the process, by its leader's table; threads with a table of their own are not shown in
 * /proc/PID/fd either. */
SEC("?iter/task_file")
int existing_fds(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct existing_fd_event record;
	u64 operations;
	u32 kind;

	if (!task || !file)
		return end_of_table(ctx->meta);
	if (task->pid != task->tgid || (u32)task->tgid == config_self_tgid)
		return 0;
	__builtin_memset(&record, 0, sizeof(record));
	record.header.kind = WIRE_existing_fd;
	record.header.size = sizeof(record);
	record.header.ktime_ns = bpf_ktime_get_ns();
	record.header.tgid = task->tgid;
	record.header.tid = task->tgid;
	record.files = (u64)task->files;
	record.fd = ctx->fd;
	operations = plain_number((const u64 *)&file->f_op);
	kind = remembered_kind(operations);
	if (kind == FD_KIND_UNKNOWN)
		kind = learned_kind((struct file *)plain_number((const u64 *)&ctx->file), operations);
	record.fd_kind = kind;
	if (kind == FD_KIND_socket) {
		const struct socket *socket = file->private_data; /* untyped: no plain load leads on from it */

		record.sk = (u64)tcp_beneath(BPF_CORE_READ(socket, sk));
	}
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	return 0;
}
