// SPDX-License-Identifier: GPL-2.0-only
/* Descriptors that come and go, seen at the kernel's own functions: every way in and out, io_uring, SCM_RIGHTS
 * and seccomp's ADDFD included, except what fork copies and exit closes (process.bpf.c).
 *
 *   fd_install_{fentry,kprobe}    fd_install(fd, file): all that comes, but for dup2, dup3 and replacements
 *   fd_dup2_{fentry,kprobe}       do_dup2(files, file, fd, …): those, with the close of what stood there
 *   fd_close_{fentry,kprobe}       file_close_fd_locked(files, fd) from 6.7 on, pick_file(files, fd) before: close(2),
 *                                 close_range(2) and whatever else closes by number
 *   fd_close_get_{fentry,kprobe}  __close_fd_get_file(fd, …) in 5.10, close_fd_get_file until 5.18: how io_uring
 *                                 and binder close there
 *   fd_exec_{fentry,kprobe}       do_close_on_exec(files)
 *   socket_close_{fentry,kprobe}  sock_close(inode, file): the last reference to a socket is gone. Leave
 *                                 config_closes_tell_sockets at 0 with it
 *
 * Misses: a fentry program loses events while another task is preempted inside it (fd_install: 2 to 5 % on
 * preemptible kernels); the others run under a spin lock; kprobes lose nothing. On 5.10 io_uring's workers are
 * kernel threads: header.tgid is 0 there and `files` tells whose table it is. What a thread does to a table of its own
 * (unshare, close_range) is told as its process's, and such a copy itself is not told: counts are the leader's. */
#include "fd_calls.h"

/* include/linux/sched.h; kernel threads borrow the table of a process only as io_uring's workers before 5.12. */
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD 0x00200000
#define SECCOMP_MODE_FILTER 2

/* A change that the current task is making: who it is (0: it works for a process that it does not belong to) and
 * how, as enum fd_via. */
struct current_change {
	u64 id;
	u32 via;
};

/* Whether the current task is a kernel thread that works in a process's table. Whose that is only userspace knows, and
 * decides there. */
static __always_inline bool works_for_another(void)
{
	struct task_struct *task;

	if (LINUX_KERNEL_VERSION >= 0x050c00)
		return false;
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, flags) & PF_KTHREAD;
}

/* False: nobody asked for it. `otherwise`: the way if the system call does not tell. */
static __always_inline bool change_by_current(struct current_change *change, u32 otherwise)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct user_call call;
	u32 flags;

	change->id = bpf_get_current_pid_tgid();
	if (!filter_tgid(change->id >> 32) && !works_for_another())
		return false;
	current_user_call(&call);
	change->via = via_of_call(call.number);
	if (change->via != FD_VIA_unknown && call.number != NR_io_uring_enter && call.number != NR_io_uring_setup)
		return true;
	/* A worker's saved registers are those of the call that made it. */
	flags = BPF_CORE_READ(task, flags);
	if (flags & (PF_IO_WORKER | PF_KTHREAD)) {
		change->via = FD_VIA_io_uring;
		if (flags & PF_KTHREAD)
			change->id = 0;
	} else if (change->via == FD_VIA_unknown) {
		change->via = otherwise;
	}
	return true;
}

/* io_uring finishes what it could not do at once on the way out of whatever call its task makes next. A task whose
 * system calls are filtered gets descriptors from its supervisor (SECCOMP_IOCTL_NOTIF_ADDFD) while it waits in some
 * call. */
static __always_inline bool open_by_current(struct current_change *change)
{
	if (!change_by_current(change, FD_VIA_unknown))
		return false;
	if (change->via == FD_VIA_unknown) {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();

		if (bpf_core_field_exists(task->io_uring) && BPF_CORE_READ(task, io_uring))
			change->via = FD_VIA_io_uring;
		else if (BPF_CORE_READ(task, seccomp.mode) == SECCOMP_MODE_FILTER)
			change->via = FD_VIA_seccomp;
	}
	return true;
}

static __always_inline int installed(s32 fd, struct file *file)
{
	struct current_change change;

	if (open_by_current(&change))
		write_fd_change(current_files(), file, fd, change.via | FD_CHANGE_COUNT, change.id);
	return 0;
}

/* Under the table's lock, before the change: a number that is taken but not filled yet makes dup2 fail (EBUSY). */
static __always_inline int replaced(struct files_struct *files, struct file *file, s32 fd)
{
	struct current_change change;
	struct fd_slots slots;
	struct file *old;

	if (!open_by_current(&change))
		return 0;
	slots_of_files(&slots, files);
	old = file_in_slots(&slots, fd);
	if (old)
		write_fd_change(files, old, fd, change.via | FD_CHANGE_CLOSE, change.id);
	else if (read_open_word(BPF_CORE_READ(files, fdt), (u32)fd / 64, 0) & (1ULL << (fd & 63)))
		return 0;
	write_fd_change(files, file, fd, change.via | (old ? FD_CHANGE_COUNT : FD_CHANGE_COUNT_MORE), change.id);
	return 0;
}

/* Closes by number: the slot is still filled. */
static __always_inline int closing(struct files_struct *files, s32 fd)
{
	struct current_change change;
	struct file *file;

	file = file_of_fd(files, fd);
	if (file && change_by_current(&change, FD_VIA_close))
		write_fd_change(files, file, fd, change.via | FD_CHANGE_CLOSE | FD_CHANGE_COUNT_LESS, change.id);
	return 0;
}

static __always_inline int executing(u64 files)
{
	u64 id = bpf_get_current_pid_tgid();

	if (filter_tgid(id >> 32))
		write_fds(files, 0, ~0U, FD_VIA_exec | FD_CHANGE_CLOSE | FD_CHANGE_CLOEXEC, id);
	return 0;
}

/* In close(2) its argument names the descriptor; since the last reference was this one, it was the socket's. An
 * accept() that fails releases a file that never had a socket. */
static __always_inline int socket_closed(struct file *file)
{
	u64 sk = (u64)sock_of_socket_file(file);
	struct user_call call;

	if (!sk || !filter_tgid(bpf_get_current_pid_tgid() >> 32))
		return 0;
	current_user_call(&call);
	write_socket_close(sk, call.number == NR_close ? (s32)call.args[0] : -1);
	return 0;
}

SEC("?fentry/fd_install")
int BPF_PROG(fd_install_fentry, u32 fd, struct file *file)
{
	return installed(fd, file);
}

SEC("?kprobe/fd_install")
int BPF_KPROBE(fd_install_kprobe, u32 fd, struct file *file)
{
	return installed(fd, file);
}

SEC("?fentry/do_dup2")
int BPF_PROG(fd_dup2_fentry, struct files_struct *files, struct file *file, u32 fd)
{
	return replaced(files, file, fd);
}

SEC("?kprobe/do_dup2")
int BPF_KPROBE(fd_dup2_kprobe, struct files_struct *files, struct file *file, u32 fd)
{
	return replaced(files, file, fd);
}

SEC("?fentry/file_close_fd_locked")
int BPF_PROG(fd_close_fentry, struct files_struct *files, u32 fd)
{
	return closing(files, fd);
}

SEC("?kprobe/file_close_fd_locked")
int BPF_KPROBE(fd_close_kprobe, struct files_struct *files, u32 fd)
{
	return closing(files, fd);
}

SEC("?fentry/__close_fd_get_file")
int BPF_PROG(fd_close_get_fentry, u32 fd)
{
	return closing(current_files(), fd);
}

SEC("?kprobe/__close_fd_get_file")
int BPF_KPROBE(fd_close_get_kprobe, u32 fd)
{
	return closing(current_files(), fd);
}

SEC("?fentry/do_close_on_exec")
int fd_exec_fentry(u64 *ctx)
{
	return executing(plain_number(&ctx[0]));
}

SEC("?kprobe/do_close_on_exec")
int BPF_KPROBE(fd_exec_kprobe, u64 files)
{
	return executing(files);
}

SEC("?fentry/sock_close")
int BPF_PROG(socket_close_fentry, struct inode *inode, struct file *file)
{
	return socket_closed(file);
}

SEC("?kprobe/sock_close")
int BPF_KPROBE(socket_close_kprobe, struct inode *inode, struct file *file)
{
	return socket_closed(file);
}
