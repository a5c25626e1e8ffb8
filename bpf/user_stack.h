/* SPDX-License-Identifier: GPL-2.0-only */
/* Where in the program a system call comes from. libc's wrappers have no frame pointer of their own, and most
 * distributions' programs have none at all, so nothing is walked here: a number stands for the way that led to the
 * call, and the first time that a number comes up some of the stack is copied for userspace, which unwinds it by
 * .eh_frame and tells which words of the stack are return addresses. From then on these words make the number.
 * Ways are told apart by their 12 innermost callers. */
#ifndef SOCKEYE_USER_STACK_H
#define SOCKEYE_USER_STACK_H

#include "emit.h"
#include "filter.h"

/* One word each, so that no CPU ever reads half of what another one wrote: the numbers of ways that have been copied,
 * at one of two places each. Written and read here. A number that is pushed out is copied again. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} known_stacks SEC(".maps");

/* By (process, instruction, stack pointer): what userspace has learned of the frames above. Written by both sides,
 * userspace by mmap(): no system call on it while programs run. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct stack_shape);
} stack_shapes SEC(".maps");

/* Powers of two minus one; 0: stacks are not wanted. */
const volatile u32 config_stack_mask = 0;

/* So many copies in a tenth of a second, no more: 8 KiB each go through the ring. Races between CPUs make it a few
 * more. */
#define STACK_COPIES_PER_PERIOD 256
#define STACK_PERIOD_NS 100000000ULL
/* Until userspace has answered for a shape, each call is copied, but not more often than this. */
#define STACK_COPIES_UNLEARNED 64
struct stack_budget stack_budget = {};

static __always_inline u64 mixed(u64 hash, u64 word)
{
	hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

/* Registers of the task as they were when it entered the kernel. */
static __always_inline void fill_registers(struct user_registers *to, const struct pt_regs *from)
{
	to->ip = BPF_CORE_READ(from, ip);
	to->sp = BPF_CORE_READ(from, sp);
	to->bp = BPF_CORE_READ(from, bp);
	to->bx = BPF_CORE_READ(from, bx);
	to->r12 = BPF_CORE_READ(from, r12);
	to->r13 = BPF_CORE_READ(from, r13);
	to->r14 = BPF_CORE_READ(from, r14);
	to->r15 = BPF_CORE_READ(from, r15);
}

static __always_inline bool stack_copy_allowed(void)
{
	u64 period = bpf_ktime_get_ns() / STACK_PERIOD_NS;

	if (stack_budget.period != period) {
		stack_budget.period = period;
		stack_budget.copies = 0;
	}
	/* No atomic operation that gives the old value: 5.10 has none. */
	return stack_budget.copies++ < STACK_COPIES_PER_PERIOD;
}

#define STACK_PART 512

/* Which place in its program the current call comes from: process, instruction, stack pointer. Never 0. */
static __always_inline u64 identity_of_call(u64 ip, u64 sp)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	return mixed(mixed(mixed((u64)BPF_CORE_READ(task, mm), bpf_get_current_pid_tgid() >> 32), ip), sp) | 1;
}

static __always_inline u64 *known_stack(u64 number, u32 shift)
{
	u32 index = number >> shift & config_stack_mask;

	return bpf_map_lookup_elem(&known_stacks, &index);
}

static __always_inline void remember_stack(u64 number)
{
	u64 *place = known_stack(number, 20);

	if (place && *place)
		place = known_stack(number, 42);
	if (place)
		*place = number;
}

/* Copies what there is of the stack, in parts: it may end soon above sp. Returns the number, 0 if there was no room.
 * Apart from stack_of_current_call(), for all that call each other share 512 bytes of kernel stack. */
__noinline u64 write_stack_sample(u64 number)
{
	struct stack_sample_event *event;
	u64 now = bpf_ktime_get_ns();
	u32 bytes = 0;

	number |= 1;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event) {
		__sync_fetch_and_add(&losses.reserve_failed[WIRE_stack_sample], 1);
		return 0;
	}
	__builtin_memset(&event->header, 0, sizeof(event->header));
	event->header.kind = WIRE_stack_sample;
	event->header.size = sizeof(*event);
	event->header.ktime_ns = now;
	header_set_current(&event->header);
	event->stack = number;
	event->reserved = 0;
	fill_registers(&event->registers, saved_registers());
	event->shape = identity_of_call(event->registers.ip, event->registers.sp);
	for (u32 part = 0; part < STACK_SAMPLE_BYTES / STACK_PART; part++) {
		if (bpf_probe_read_user(&event->data[part * STACK_PART], STACK_PART,
					(void *)(event->registers.sp + part * STACK_PART)))
			break;
		bytes = (part + 1) * STACK_PART;
	}
	event->bytes = bytes;
	event_submit(event);
	remember_stack(number);
	return number;
}

/* The number of the way that led to the current system call. Even: nobody has seen it yet, write_stack_sample() is to
 * be called with it. 0: not known, for there are too many new ones at a time. */
__noinline u64 stack_of_current_call(void)
{
	struct pt_regs *registers = saved_registers();
	u64 ip = BPF_CORE_READ(registers, ip), sp = BPF_CORE_READ(registers, sp);
	u64 number = identity_of_call(ip, sp), *known;
	u32 index = number >> 32 & config_stack_mask, count;
	struct stack_shape *shape = bpf_map_lookup_elem(&stack_shapes, &index);

	if (!shape)
		return 0;
	if (shape->identity != number) {
		/* New, or another way's. Userspace fills it only while the identity stays. */
		shape->count = 0;
		shape->copies = 0;
		shape->identity = number;
	}
	count = shape->count;
	if (!count) {
		if (shape->copies >= STACK_COPIES_UNLEARNED || !stack_copy_allowed())
			return 0;
		shape->copies++;
		/* Each its own number: nothing says yet that two calls came the same way. */
		return mixed(number, bpf_ktime_get_ns()) & ~1ULL;
	}
	for (u32 i = 0; i < STACK_SHAPE_SLOTS; i++) {
		u64 word = 0;

		if (i >= count)
			break;
		bpf_probe_read_user(&word, sizeof(word), (void *)(sp + (u64)shape->slots[i] * 8));
		number = mixed(number, word);
	}
	number |= 1;
	known = known_stack(number, 20);
	if (known && *known == number)
		return number;
	known = known_stack(number, 42);
	if (known && *known == number)
		return number;
	return stack_copy_allowed() ? number & ~1ULL : 0;
}

/* Both. One call, so that who writes an event needs no more stack of its own. */
__noinline u64 stack_of_new_descriptor(void)
{
	u64 number = stack_of_current_call();

	return !number || number & 1 ? number : write_stack_sample(number);
}

#endif
