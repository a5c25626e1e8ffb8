/* SPDX-License-Identifier: GPL-2.0-only */
/* System calls that make or end descriptors: the way (enum fd_via) that each stands for, and which descriptors a
 * call that has just returned has made. The arguments still stand in the saved registers
 * then, and what the kernel wrote to user memory has just been written. */
#ifndef SOCKEYE_FD_CALLS_H
#define SOCKEYE_FD_CALLS_H

#include "fd_emit.h"
#include "syscall_numbers.h"

/* A 32-bit system call: its numbers mean other calls. */
static __always_inline bool is_compat_call(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return BPF_CORE_READ(task, thread_info.status) & X86_TS_COMPAT;
}

/* An argument of the current system call, by its register: di, si, dx, r10. */
#define CALL_ARGUMENT(register) BPF_CORE_READ(saved_registers(), register)

/* The way by which a descriptor comes or goes during this system call. */
static __always_inline u32 via_of_call(u32 number)
{
	switch (number) {
	case NR_open:
	case NR_creat:
	case NR_openat:
	case NR_openat2:
	case NR_open_by_handle_at:
	case NR_open_tree:
	case NR_open_tree_attr:
	case NR_mq_open:
		return FD_VIA_open;
	case NR_socket:
	case NR_socketpair:
		return FD_VIA_socket;
	case NR_accept:
	case NR_accept4:
		return FD_VIA_accept;
	case NR_dup:
	case NR_dup2:
	case NR_dup3:
	case NR_fcntl:
		return FD_VIA_dup;
	case NR_pipe:
	case NR_pipe2:
		return FD_VIA_pipe;
	case NR_recvmsg:
	case NR_recvmmsg:
		return FD_VIA_scm_rights;
	case NR_pidfd_getfd:
		return FD_VIA_pidfd_getfd;
	case NR_close: /* these two make none; functions that close ask, too */
		return FD_VIA_close;
	case NR_close_range:
		return FD_VIA_close_range;
	case NR_epoll_create:
	case NR_epoll_create1:
	case NR_inotify_init:
	case NR_inotify_init1:
	case NR_signalfd:
	case NR_signalfd4:
	case NR_timerfd_create:
	case NR_eventfd:
	case NR_eventfd2:
	case NR_perf_event_open:
	case NR_fanotify_init:
	case NR_seccomp:
	case NR_memfd_create:
	case NR_memfd_secret:
	case NR_bpf:
	case NR_userfaultfd:
	case NR_io_uring_setup:
	case NR_fsopen:
	case NR_fsmount:
	case NR_fspick:
	case NR_pidfd_open:
	case NR_clone:
	case NR_clone3:
	case NR_landlock_create_ruleset:
	case NR_getsockopt:
	case NR_ioctl:
		return FD_VIA_create;
	case NR_io_uring_enter:
		return FD_VIA_io_uring;
	default:
		return FD_VIA_unknown;
	}
}

#define F_DUPFD 0
#define F_DUPFD_CLOEXEC 1030
#define SECCOMP_FILTER_FLAG_NEW_LISTENER (1 << 3)

/* Commands of bpf(2) whose result is a descriptor: enum bpf_cmd. */
static __always_inline bool bpf_returns_fd(u32 command)
{
	switch (command) {
	case BPF_MAP_CREATE:
	case BPF_PROG_LOAD:
	case BPF_OBJ_GET:
	case BPF_PROG_GET_FD_BY_ID:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_RAW_TRACEPOINT_OPEN:
	case BPF_BTF_LOAD:
	case BPF_BTF_GET_FD_BY_ID:
	case BPF_LINK_CREATE:
	case BPF_LINK_GET_FD_BY_ID:
	case BPF_ENABLE_STATS:
	case BPF_ITER_CREATE:
	case 36: /* BPF_TOKEN_CREATE, 6.9 */
		return true;
	default:
		return false;
	}
}

/* Requests of ioctl(2) whose result is a descriptor. Others (DRM, dma-buf, GPIO, …) hand theirs out inside a
 * struct of their own and are not known here. */
static __always_inline bool ioctl_returns_fd(u32 request)
{
	switch (request) {
	case 0x5441: /* TIOCGPTPEER */
	case 0x54e3: /* TUNGETDEVNETNS */
	case 0x894c: /* SIOCGSKNS */
	case 0xaa00: /* USERFAULTFD_IOC_NEW */
	case 0xae01: /* KVM_CREATE_VM */
	case 0xae41: /* KVM_CREATE_VCPU */
	case 0xaece: /* KVM_GET_STATS_FD */
	case 0xb701: /* NS_GET_USERNS */
	case 0xb702: /* NS_GET_PARENT */
	case 0x3b6a: /* VFIO_GROUP_GET_DEVICE_FD */
		return true;
	default:
		return request >= 0xff01 && request <= 0xff0a; /* PIDFD_GET_*_NAMESPACE */
	}
}

/* Whether the result of a call that may return a descriptor is one. */
static __always_inline bool result_is_fd(u32 number)
{
	u32 command;

	switch (number) {
	case NR_fcntl:
		command = CALL_ARGUMENT(si);
		return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
	case NR_dup2: /* onto itself: nothing new */
	case NR_dup3:
		return (u32)CALL_ARGUMENT(di) != (u32)CALL_ARGUMENT(si);
	case NR_signalfd: /* else it changes the one named */
	case NR_signalfd4:
		return (s32)CALL_ARGUMENT(di) == -1;
	case NR_bpf:
		return bpf_returns_fd(CALL_ARGUMENT(di));
	case NR_ioctl:
		return ioctl_returns_fd(CALL_ARGUMENT(si));
	case NR_seccomp: /* SECCOMP_SET_MODE_FILTER */
		return CALL_ARGUMENT(di) == 1 && (CALL_ARGUMENT(si) & SECCOMP_FILTER_FLAG_NEW_LISTENER);
	case NR_landlock_create_ruleset: /* else it asks for the version */
		return CALL_ARGUMENT(di) != 0;
	default:
		return true;
	}
}

/* A descriptor number that the kernel has just handed to the current process. */
static __always_inline void write_current_open(s32 fd, u32 via, u64 id)
{
	struct fd_slots slots;
	struct file *file;

	slots_of_current(&slots);
	file = file_in_slots(&slots, fd);
	if (file)
		write_fd_change(slots.files, file, fd, via | FD_CHANGE_COUNT, id);
}

__noinline int write_opened(s32 fd, u32 via)
{
	write_current_open(fd, via, bpf_get_current_pid_tgid());
	return 0;
}

/* One or two descriptors that the kernel stored in the caller's memory. */
static __always_inline void write_stored(u64 address, u32 count, u32 via)
{
	s32 fds[2] = {-1, -1};

	if (bpf_probe_read_user(fds, count == 2 ? 8 : 4, (const void *)address))
		return;
	write_opened(fds[0], via);
	if (count == 2)
		write_opened(fds[1], via);
}

#define CLONE_PIDFD 0x1000

/* clone(2) stores it where its third argument points; clone3(2) where the second word of its struct does. */
static __always_inline void write_pidfd_of_clone(u32 number)
{
	u64 first = CALL_ARGUMENT(di);
	u64 words[2] = {};

	if (number == NR_clone) {
		if (first & CLONE_PIDFD)
			write_stored(CALL_ARGUMENT(dx), 1, FD_VIA_create);
		return;
	}
	if (bpf_probe_read_user(words, sizeof(words), (const void *)first))
		return;
	if (words[0] & CLONE_PIDFD)
		write_stored(words[1], 1, FD_VIA_create);
}

/* include/linux/socket.h, include/uapi/asm-generic/socket.h */
#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define SCM_PIDFD 4
#define SO_PEERPIDFD 77

struct user_message {
	u64 name;
	u64 name_length;
	u64 vectors;
	u64 vector_count;
	u64 control;
	u64 control_length; /* after the call: how much of it the kernel has filled */
	u64 flags;
};
struct control_header {
	u64 length;
	s32 level;
	s32 type;
};

#define SCM_MAX_FD 253 /* include/net/scm.h */
#define CONTROL_HEADERS 8
#define RECEIVED_MESSAGES 64
#define USER_MMSGHDR_SIZE 64

/* Descriptors whose numbers stand at `address`. */
__noinline int write_listed(u64 address, u32 count, u32 via)
{
	for (u32 i = 0; i < SCM_MAX_FD; i++) {
		s32 fd = -1;

		if (i >= count)
			break;
		bpf_probe_read_user(&fd, sizeof(fd), (const void *)(address + i * sizeof(fd)));
		write_opened(fd, via);
	}
	return 0;
}

/* One control message at `address`. Returns where the next one begins; 0: there is none. */
__noinline u64 write_control(u64 address, u64 end)
{
	struct control_header header = {};

	if (address + sizeof(header) > end || bpf_probe_read_user(&header, sizeof(header), (const void *)address))
		return 0;
	if (header.length < sizeof(header) || address + header.length > end)
		return 0;
	if (header.level == SOL_SOCKET && header.type == SCM_RIGHTS)
		write_listed(address + sizeof(header), (header.length - sizeof(header)) / sizeof(s32), FD_VIA_scm_rights);
	else if (header.level == SOL_SOCKET && header.type == SCM_PIDFD)
		write_listed(address + sizeof(header), 1, FD_VIA_create);
	return address + ((header.length + 7) & ~7ULL);
}

/* The descriptors in the control messages that a recvmsg has just filled; `address`: its struct msghdr. */
__noinline int write_received(u64 address)
{
	struct user_message message;
	u64 control;

	if (bpf_probe_read_user(&message, sizeof(message), (const void *)address))
		return 0;
	control = message.control;
	for (u32 i = 0; i < CONTROL_HEADERS; i++) {
		if (!control || !message.control_length)
			break;
		control = write_control(control, message.control + message.control_length);
	}
	return 0;
}

static __always_inline void write_received_messages(u64 address, u32 count)
{
	for (u32 i = 0; i < RECEIVED_MESSAGES; i++) {
		if (i >= count)
			break;
		write_received(address + i * USER_MMSGHDR_SIZE);
	}
}

/* A system call has returned: the descriptors that it made. */
static __always_inline int fd_call_returned(u32 number, long result)
{
	u64 id = bpf_get_current_pid_tgid();

	if (result < 0 || !filter_tgid(id >> 32))
		return 0;
	switch (number) {
	case NR_pipe:
	case NR_pipe2:
		write_stored(CALL_ARGUMENT(di), 2, FD_VIA_pipe);
		return 0;
	case NR_socketpair:
		write_stored(CALL_ARGUMENT(r10), 2, FD_VIA_socket);
		return 0;
	case NR_clone:
	case NR_clone3:
		if (result)
			write_pidfd_of_clone(number);
		return 0;
	case NR_recvmsg:
		write_received(CALL_ARGUMENT(si));
		return 0;
	case NR_recvmmsg:
		write_received_messages(CALL_ARGUMENT(si), result);
		return 0;
	case NR_getsockopt:
		if (CALL_ARGUMENT(si) == SOL_SOCKET && CALL_ARGUMENT(dx) == SO_PEERPIDFD)
			write_stored(CALL_ARGUMENT(r10), 1, FD_VIA_create);
		return 0;
	}
	if (result_is_fd(number))
		write_current_open(result, via_of_call(number), id);
	return 0;
}

#endif
