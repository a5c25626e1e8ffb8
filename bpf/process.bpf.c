// SPDX-License-Identifier: GPL-2.0-only
/* Processes that begin, change their program, and end. Threads are not reported.
 *
 *   process_fork_{classic,btf}  tp/sched/sched_process_fork, tp_btf/sched_process_fork   before the child runs
 *   process_exec_{classic,btf}  tp/sched/sched_process_exec, tp_btf/sched_process_exec   when exec has succeeded
 *   process_exit_{classic,btf}  tp/sched/sched_process_exit, tp_btf/sched_process_exit   the last thread, its
 *                               descriptors still open
 *   process_free_{classic,btf}  tp/sched/sched_process_free, tp_btf/sched_process_free   wanted only with a filter
 *                               by pid: forgets the pid, after the last record that it may let pass
 *
 * With FEATURE_PROCESSES fork, exec and exit records are written. With FEATURE_DESCRIPTORS fork and exit records
 * are, too; fork then writes fd_open (via fork) for the child's first 256 descriptors, after the fork record, whose
 * child_fds counts all of them; exit writes fd_close (via exit) for the first 256, before the exit record, whose
 * fds counts all. With CLONE_FILES nothing is copied or closed: the table is shared, no fd record is written, the
 * counts still tell. With config_closes_tell_sockets exit also writes socket_close for those 256.
 * Following children (FILTER_FOLLOW) needs fork whatever the features.
 *
 * Misses: from 7.0 on a tp_btf program is skipped while another task is preempted inside it; classic ones are
 * not. A table shared by several processes whose threads all exit at the same moment may be closed unreported. */
#include "fd_emit.h"

/* include/linux/sched/signal.h */
#define SIGNAL_GROUP_EXIT 0x00000004

/* The descriptors of a table that nobody else changes, by its bits: a child's copy has none without a file, and
 * neither has the table of a process whose threads are at their end. */
static __always_inline u32 count_quiet_table(u64 files)
{
	return is_table_readable(files) ? (u32)count_bits_of(files) : FD_COUNT_UNKNOWN;
}

static __always_inline void write_fork(u32 child_tgid, u32 child_fds)
{
	struct fork_event *event = EVENT_RESERVE(fork, fork_event);

	if (!event)
		return;
	header_set_current(&event->header);
	event->child_tgid = child_tgid;
	event->child_fds = child_fds;
	read_process_comm(event->comm);
	event_submit(event);
}

static __always_inline int forked(struct task_struct *child)
{
	u32 parent_tgid = bpf_get_current_pid_tgid() >> 32;
	u32 child_tgid = BPF_CORE_READ(child, tgid);
	struct files_struct *files = BPF_CORE_READ(child, files);
	u8 one = 1;

	if (child_tgid != (u32)BPF_CORE_READ(child, pid))
		return 0;
	if (!filter_tgid(parent_tgid)) {
		/* The number may have belonged to a process that was asked for. */
		if ((config_filter.flags & (FILTER_TGIDS | FILTER_FOLLOW)) == (FILTER_TGIDS | FILTER_FOLLOW))
			bpf_map_delete_elem(&filter_tgids, &child_tgid);
		return 0;
	}
	if ((config_filter.flags & FILTER_FOLLOW) && bpf_map_update_elem(&filter_tgids, &child_tgid, &one, BPF_ANY))
		count_map_failure(LOSS_MAP_FILTER_TGIDS);
	if (config_features & (FEATURE_PROCESSES | FEATURE_DESCRIPTORS))
		write_fork(child_tgid, count_quiet_table((u64)files));
	if ((config_features & FEATURE_DESCRIPTORS) && filter_tgid(child_tgid) && files != current_files())
		write_fds((u64)files, 0, ~0U, FD_VIA_fork | FD_CHANGE_BOUNDED,
			  (u64)child_tgid << 32 | child_tgid);
	return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(process_fork_btf, struct task_struct *parent, struct task_struct *child)
{
	return forked(child);
}

/* The classic tracepoint tells only numbers. The child is the newest of the forking thread's children; a thread
 * is nobody's child, and with CLONE_PARENT it is the newest of the parent's. Newer ones in that list are orphans that
 * a subreaper or init has inherited since, or children of other threads of the parent. */
#define NEWER_CHILDREN 64
static __always_inline struct task_struct *newest_child(struct task_struct *parent, s32 pid)
{
	struct list_head *sibling = BPF_CORE_READ(parent, children.prev);

	for (u32 i = 0; i < NEWER_CHILDREN; i++) {
		struct task_struct *child =
			(struct task_struct *)((char *)sibling - bpf_core_field_offset(struct task_struct, sibling));

		if (sibling == &parent->children)
			break;
		if (BPF_CORE_READ(child, pid) == pid)
			return child;
		sibling = BPF_CORE_READ(sibling, prev);
	}
	return NULL;
}

SEC("?tp/sched/sched_process_fork")
int process_fork_classic(struct trace_event_raw_sched_process_fork *ctx)
{
	struct task_struct *parent = (struct task_struct *)bpf_get_current_task();
	s32 pid = ctx->child_pid;
	struct task_struct *child = newest_child(parent, pid);

	if (!child)
		child = newest_child(BPF_CORE_READ(parent, real_parent), pid);
	return child ? forked(child) : 0;
}

/* The end of a name tells more than its beginning. */
#define FILENAME_STEP (EVENT_FILENAME_LENGTH - 1)
#define FILENAME_STEPS 33 /* PATH_MAX is 4096 */
static __always_inline void read_filename(char filename[EVENT_FILENAME_LENGTH], const char *from)
{
	u32 length = 0;
	long step;

	for (u32 i = 0; i < FILENAME_STEPS; i++) {
		step = bpf_probe_read_kernel_str(filename, EVENT_FILENAME_LENGTH, from + length);
		if (step <= 0)
			return;
		length += step - 1;
		if (step <= FILENAME_STEP)
			break;
	}
	if (length > FILENAME_STEP)
		bpf_probe_read_kernel_str(filename, EVENT_FILENAME_LENGTH, from + length - FILENAME_STEP);
}

static __always_inline int executed(const char *filename)
{
	struct exec_event *event;

	if (!(config_features & FEATURE_PROCESSES) || !filter_tgid(bpf_get_current_pid_tgid() >> 32))
		return 0;
	event = EVENT_RESERVE(exec, exec_event);
	if (!event)
		return 0;
	header_set_current(&event->header);
	read_process_comm(event->comm);
	read_filename(event->filename, filename);
	event_submit(event);
	return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(process_exec_btf, struct task_struct *task, int old_pid, struct linux_binprm *program)
{
	return executed(BPF_CORE_READ(program, filename));
}

SEC("?tp/sched/sched_process_exec")
int process_exec_classic(struct trace_event_raw_sched_process_exec *ctx)
{
	return executed((const char *)ctx + (ctx->__data_loc_filename & 0xffff));
}

/* tgid → start of the process whose end has been written. Threads that end at the same moment all see that
 * none is left: the first one tells. Written and read here; a later process with that number has another start. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} ended_processes SEC(".maps");

static __always_inline bool is_end_told(struct task_struct *task, u32 tgid)
{
	u64 start = BPF_CORE_READ(task, group_leader, start_boottime);
	u64 *told = bpf_map_lookup_elem(&ended_processes, &tgid);

	/* The others, if there were any, have gone; one of them may have told. */
	if (BPF_CORE_READ(task, signal, nr_threads) == 1)
		return told && *told == start;
	if (!bpf_map_update_elem(&ended_processes, &tgid, &start, BPF_NOEXIST))
		return false;
	told = bpf_map_lookup_elem(&ended_processes, &tgid);
	if (told && *told == start)
		return true;
	bpf_map_update_elem(&ended_processes, &tgid, &start, BPF_ANY);
	return false;
}

/* As wait(2) gives it (wait_task_zombie, kernel/exit.c). */
static __always_inline u32 exit_code_of(struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, flags) & SIGNAL_GROUP_EXIT)
		return BPF_CORE_READ(task, signal, group_exit_code);
	return BPF_CORE_READ(task, group_leader, exit_code);
}

static __always_inline void write_exit(struct task_struct *task, struct files_struct *files)
{
	u32 fds = count_quiet_table((u64)files);
	struct exit_event *event = EVENT_RESERVE(exit, exit_event);

	if (!event)
		return;
	header_set_current(&event->header);
	event->header.tid = event->header.tgid; /* it is the process's end, whichever thread was the last */
	event->fds = fds;
	event->exit_code = exit_code_of(task);
	read_process_comm(event->comm);
	event_submit(event);
}

/* The table belongs to no living process: its users are at most the threads of this one. */
static __always_inline bool is_table_ending(struct task_struct *task, struct files_struct *files)
{
	return BPF_CORE_READ(files, count.counter) <= BPF_CORE_READ(task, signal, nr_threads);
}

static __always_inline int exiting(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct files_struct *files;

	if (BPF_CORE_READ(task, signal, live.counter) || !filter_tgid(tgid) || is_end_told(task, tgid))
		return 0;
	files = BPF_CORE_READ(task, files);
	if (files && ((config_features & FEATURE_DESCRIPTORS) || config_closes_tell_sockets) &&
	    is_table_ending(task, files))
		write_fds((u64)files, 0, ~0U, FD_VIA_exit | FD_CHANGE_CLOSE | FD_CHANGE_BOUNDED,
			  bpf_get_current_pid_tgid());
	if (config_features & (FEATURE_PROCESSES | FEATURE_DESCRIPTORS))
		write_exit(task, files);
	return 0;
}

SEC("?tp_btf/sched_process_exit")
int process_exit_btf(void *ctx)
{
	return exiting();
}

SEC("?tp/sched/sched_process_exit")
int process_exit_classic(void *ctx)
{
	return exiting();
}

/* Sockets may still close after the exit record: the pid is forgotten when the task is freed. */
static __always_inline int freed(u32 pid)
{
	bpf_map_delete_elem(&filter_tgids, &pid);
	return 0;
}

SEC("?tp_btf/sched_process_free")
int BPF_PROG(process_free_btf, struct task_struct *task)
{
	return task->pid == task->tgid ? freed(task->pid) : 0;
}

SEC("?tp/sched/sched_process_free")
int process_free_classic(struct trace_event_raw_sched_process_template *ctx)
{
	return freed(ctx->pid);
}
