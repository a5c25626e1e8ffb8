/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between kernels, and the small kernel facts that more than one family of hooks needs. */
#ifndef SOCKEYE_KERNEL_COMPAT_H
#define SOCKEYE_KERNEL_COMPAT_H

#include "kernel_types.h"

extern int LINUX_KERNEL_VERSION __kconfig;

/* x86: arch/x86/include/asm/page_64_types.h (THREAD_SIZE without KASAN), sizeof(struct pt_regs) of 64-bit
 * user mode entries, arch/x86/include/asm/thread_info.h */
#define X86_THREAD_SIZE 16384
#define X86_PT_REGS_SIZE 168
#define X86_TS_COMPAT 0x0002

struct user_call {
	long number; /* system call number; -1: not in a 64-bit system call */
	u64 args[4];
};

/* The system call that the current task is in, from the registers that it saved when it entered the kernel.
 * Only meaningful in process context. bpf_task_pt_regs() came in 5.15 (dd6e10fbd9fb); before it the registers
 * are read from the top of the task's kernel stack. */
static __always_inline void current_user_call(struct user_call *call)
{
	__builtin_memset(call, 0, sizeof(*call));
	call->number = -1;
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)) {
		struct task_struct *task = bpf_get_current_task_btf();
		struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

		if (task->thread_info.status & X86_TS_COMPAT)
			return;
		call->number = regs->orig_ax;
		call->args[0] = regs->di;
		call->args[1] = regs->si;
		call->args[2] = regs->dx;
		call->args[3] = regs->r10;
	} else {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();
		struct pt_regs *regs = (struct pt_regs *)((char *)BPF_CORE_READ(task, stack) + X86_THREAD_SIZE -
							  X86_PT_REGS_SIZE);

		if (BPF_CORE_READ(task, thread_info.status) & X86_TS_COMPAT)
			return;
		call->number = BPF_CORE_READ(regs, orig_ax);
		call->args[0] = BPF_CORE_READ(regs, di);
		call->args[1] = BPF_CORE_READ(regs, si);
		call->args[2] = BPF_CORE_READ(regs, dx);
		call->args[3] = BPF_CORE_READ(regs, r10);
	}
}

/* The registers that the current task saved when it entered the kernel; see current_user_call(). */
static __always_inline struct pt_regs *saved_registers(void)
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());

	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	return (struct pt_regs *)((char *)BPF_CORE_READ(task, stack) + X86_THREAD_SIZE - X86_PT_REGS_SIZE);
}

/* x86-64 system call numbers: arch/x86/entry/syscalls/syscall_64.tbl */
enum {
	NR_socket = 41,
	NR_connect = 42,
	NR_accept = 43,
	NR_bind = 49,
	NR_listen = 50,
	NR_accept4 = 288,
};

/* The name of the current process: its leader's, as ps and ss show it, not the thread's own.
 * bpf_get_current_task_btf() came in 5.11 (3ca1032ab7ab). */
static __always_inline void read_process_comm(char comm[16])
{
	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		struct task_struct *task = bpf_get_current_task_btf();

		bpf_probe_read_kernel(comm, 16, task->group_leader->comm);
	} else {
		struct task_struct *task = (struct task_struct *)bpf_get_current_task();
		struct task_struct *leader = BPF_CORE_READ(task, group_leader);

		bpf_probe_read_kernel(comm, 16, leader->comm);
	}
}

/* A pointer that the verifier knows as one, as a plain number: neither global functions nor arithmetic take others. */
static __always_inline u64 plain_number(const u64 *word)
{
	u64 number = 0;

	bpf_probe_read_kernel(&number, sizeof(number), word);
	return number;
}

#endif
