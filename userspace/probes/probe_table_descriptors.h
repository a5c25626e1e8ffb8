// SPDX-License-Identifier: GPL-2.0-only
// The rows of the probe table for descriptors and processes; included by probe_table.cpp only. Descriptors
// are observed by the kernel's functions, which see every way in and out, or by system calls, which are
// everywhere but miss io_uring's closes and a few ioctls.
#pragma once

#include "probes/probe_table.h"

namespace sockeye::descriptor_rows {

using enum HookKind;
using enum Presence;

// By function. pick_file() became file_close_fd_locked() in 6.7; before 5.19 io_uring and
// binder closed past it, through functions of which some kernels have both, one calling the other.
template <HookKind kind>
struct ByFunction {
    static constexpr bool kTrampoline = kind == fentry;
    static constexpr Attachment kSince67[] = {
        {kTrampoline ? "fd_install_fentry" : "fd_install_kprobe", kind, "fd_install"},
        {kTrampoline ? "fd_dup2_fentry" : "fd_dup2_kprobe", kind, "do_dup2"},
        {kTrampoline ? "fd_close_fentry" : "fd_close_kprobe", kind, "file_close_fd_locked"},
        {kTrampoline ? "fd_exec_fentry" : "fd_exec_kprobe", kind, "do_close_on_exec"},
    };
    static constexpr Attachment kBefore67[] = {
        {kTrampoline ? "fd_install_fentry" : "fd_install_kprobe", kind, "fd_install"},
        {kTrampoline ? "fd_dup2_fentry" : "fd_dup2_kprobe", kind, "do_dup2"},
        {kTrampoline ? "fd_close_fentry" : "fd_close_kprobe", kind, "pick_file"},
        {kTrampoline ? "fd_close_get_fentry" : "fd_close_get_kprobe", kind, "__close_fd_get_file", optional, {5, 19}},
        {kTrampoline ? "fd_close_get_fentry" : "fd_close_get_kprobe", kind, "close_fd_get_file", fallback, {5, 19}},
        {kTrampoline ? "fd_exec_fentry" : "fd_exec_kprobe", kind, "do_close_on_exec"},
    };
};

// By system call. Those that every kernel has are required, so that a missing tracefs is told as such.
inline constexpr Attachment kBySyscall[] = {
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_close"},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_close_range", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_dup2", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_dup3", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_execve", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_execveat", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_open", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_openat"},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_openat2", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_creat", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_open_by_handle_at", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_open_tree", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_open_tree_attr", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_mq_open", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_socket", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_socketpair", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_accept", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_accept4", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_pipe", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_pipe2", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_dup"},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_dup2", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_dup3", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_fcntl", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_eventfd", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_eventfd2", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_epoll_create", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_epoll_create1", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_timerfd_create", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_signalfd", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_signalfd4", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_inotify_init", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_inotify_init1", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_fanotify_init", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_memfd_create", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_memfd_secret", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_userfaultfd", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_perf_event_open", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_bpf", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_pidfd_open", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_pidfd_getfd", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_io_uring_setup", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_fsopen", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_fsmount", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_fspick", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_clone", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_clone3", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_recvmsg", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_recvmmsg", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_getsockopt", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_ioctl", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_seccomp", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_landlock_create_ruleset", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_execve", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_execveat", optional},
    {"fd_io_uring_complete_classic", tracepoint, "io_uring/io_uring_complete", optional},
};
inline constexpr Attachment kByRawSyscalls[] = {
    {"fd_syscall_enter_raw", tracepoint, "raw_syscalls/sys_enter"},
    {"fd_syscall_exit_raw", tracepoint, "raw_syscalls/sys_exit"},
    {"fd_io_uring_complete_classic", tracepoint, "io_uring/io_uring_complete", optional},
};
inline constexpr Attachment kByAllSyscalls[] = {
    {"fd_syscall_enter_btf", btf_tracepoint, "sys_enter"},
    {"fd_syscall_exit_btf", btf_tracepoint, "sys_exit"},
    {"fd_io_uring_complete_btf", btf_tracepoint, "io_uring_complete", optional},
};
inline constexpr Alternative kDescriptors[] = {
    {fentry, ByFunction<fentry>::kSince67, "fentry/{fd_install,do_dup2,file_close_fd_locked,do_close_on_exec}"},
    {fentry, ByFunction<fentry>::kBefore67, "fentry/{fd_install,do_dup2,pick_file,do_close_on_exec}"},
    {kprobe, ByFunction<kprobe>::kSince67, "kprobe/{fd_install,do_dup2,file_close_fd_locked,do_close_on_exec}"},
    {kprobe, ByFunction<kprobe>::kBefore67, "kprobe/{fd_install,do_dup2,pick_file,do_close_on_exec}"},
    {syscall_tracepoint, kBySyscall, "tp/syscalls/sys_{enter,exit}_*", Trust::partial,
     "0.04 to 0.08 us on every system call of the host, 0.2 to 0.5 us on those that make or close descriptors; "
     "io_uring's closes and multishot accepts (before 5.18 all of its), seccomp's ADDFD, a few ioctls, what unshare copies "
     "and 32-bit calls show only in counts, a close "
     "that threads race for is told by each"},
    {tracepoint, kByRawSyscalls, "tp/raw_syscalls/sys_{enter,exit}", Trust::partial,
     "0.3 to 0.4 us on every system call of the host; io_uring's closes and multishot accepts (before 5.18 all of "
     "its), seccomp's ADDFD, a few ioctls, what unshare copies and 32-bit calls show only in counts, a close "
     "that threads race for is told by each"},
    {btf_tracepoint, kByAllSyscalls, "tp_btf/sys_{enter,exit}", Trust::partial,
     "0.14 to 0.24 us on every system call of the host; io_uring's closes and multishot accepts (before 5.18 all of "
     "its), seccomp's ADDFD, a few ioctls, what unshare copies and 32-bit calls show only in counts, a close "
     "that threads race for is told by each"},
};

// Descriptors that were refused. All numbers come from alloc_fd(), until 5.11 __alloc_fd().
inline constexpr Attachment kRefusedFexit[] = {{"fd_refused_fexit", fexit, "alloc_fd", required, {}, 3},
                                               {"file_refused_fexit", fexit, "alloc_empty_file", optional, {}, 2}};
inline constexpr Attachment kRefusedFexitOld[] = {{"fd_refused_fexit_before_5_11", fexit, "__alloc_fd", required, {}, 4},
                                                  {"file_refused_fexit", fexit, "alloc_empty_file", optional, {}, 2}};
inline constexpr Attachment kRefusedSyscalls[] = {
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_openat"},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_open", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_openat2", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_creat", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_socket", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_socketpair", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_accept", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_accept4", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_pipe", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_pipe2", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_dup", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_fcntl", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_eventfd2", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_epoll_create1", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_timerfd_create", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_signalfd4", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_memfd_create", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_pidfd_open", optional},
    {"fd_refused_classic", syscall_tracepoint, "syscalls/sys_exit_io_uring_setup", optional},
};
inline constexpr Attachment kRefusedRaw[] = {{"fd_refused_raw", tracepoint, "raw_syscalls/sys_exit"}};
inline constexpr Alternative kRefused[] = {
    {fexit, kRefusedFexit, "fexit/{alloc_fd,alloc_empty_file}"},
    {fexit, kRefusedFexitOld, "fexit/{__alloc_fd,alloc_empty_file}"},
    {syscall_tracepoint, kRefusedSyscalls, "tp/syscalls/sys_exit_*", Trust::partial,
     "0.04 to 0.08 us on every system call of the host; refusals of rarer calls are not seen"},
    {tracepoint, kRefusedRaw, "tp/raw_syscalls/sys_exit", Trust::partial,
     "0.1 to 0.2 us on every system call of the host"},
};

// The last descriptor of a socket.
inline constexpr Attachment kCloseFentry[] = {{"socket_close_fentry", fentry, "sock_close"}};
inline constexpr Attachment kCloseKprobe[] = {{"socket_close_kprobe", kprobe, "sock_close"}};
inline constexpr Attachment kCloseSyscalls[] = {
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_close"},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_close_range", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_dup2", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_dup3", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_execve", optional},
    {"fd_syscall_enter_classic", syscall_tracepoint, "syscalls/sys_enter_execveat", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_execve", optional},
    {"fd_syscall_exit_classic", syscall_tracepoint, "syscalls/sys_exit_execveat", optional},
};
inline constexpr Attachment kCloseRawSyscalls[] = {
    {"fd_syscall_enter_raw", tracepoint, "raw_syscalls/sys_enter"},
    {"fd_syscall_exit_raw", tracepoint, "raw_syscalls/sys_exit"},
};
inline constexpr Attachment kCloseAllSyscalls[] = {
    {"fd_syscall_enter_btf", btf_tracepoint, "sys_enter"},
    {"fd_syscall_exit_btf", btf_tracepoint, "sys_exit"},
};
inline constexpr Alternative kSocketClose[] = {
    {fentry, kCloseFentry},
    {kprobe, kCloseKprobe},
    {syscall_tracepoint, kCloseSyscalls, "tp/syscalls/sys_enter_{close,close_range,dup2,dup3,execve,execveat}",
     Trust::partial,
     "0.04 to 0.08 us on every system call of the host, 0.2 to 0.3 us on each close; sockets closed by io_uring, or "
     "released by something that is no descriptor, are not seen"},
    {tracepoint, kCloseRawSyscalls, "tp/raw_syscalls/sys_{enter,exit}", Trust::partial,
     "0.3 to 0.4 us on every system call of the host; sockets closed by io_uring, or released by something that is no "
     "descriptor, are not seen"},
    {btf_tracepoint, kCloseAllSyscalls, "tp_btf/sys_{enter,exit}", Trust::partial,
     "0.14 to 0.24 us on every system call of the host; sockets closed by io_uring, or released by something that is "
     "no descriptor, are not seen"},
};

// Processes.
inline constexpr FeatureSet kEveryFeature(0x7ff);
inline constexpr Attachment kForkBtf[] = {{"process_fork_btf", btf_tracepoint, "sched_process_fork"}};
inline constexpr Attachment kForkClassic[] = {{"process_fork_classic", tracepoint, "sched/sched_process_fork"}};
inline constexpr Alternative kFork[] = {{btf_tracepoint, kForkBtf}, {tracepoint, kForkClassic}};

inline constexpr Attachment kExecBtf[] = {{"process_exec_btf", btf_tracepoint, "sched_process_exec"}};
inline constexpr Attachment kExecClassic[] = {{"process_exec_classic", tracepoint, "sched/sched_process_exec"}};
inline constexpr Alternative kExec[] = {{btf_tracepoint, kExecBtf}, {tracepoint, kExecClassic}};

inline constexpr Attachment kExitBtf[] = {{"process_exit_btf", btf_tracepoint, "sched_process_exit"}};
inline constexpr Attachment kExitClassic[] = {{"process_exit_classic", tracepoint, "sched/sched_process_exit"}};
inline constexpr Alternative kExit[] = {{btf_tracepoint, kExitBtf}, {tracepoint, kExitClassic}};

// Forgets a pid that the filter let pass, when nobody can tell of it any more.
inline constexpr Attachment kFreeBtf[] = {{"process_free_btf", btf_tracepoint, "sched_process_free"}};
inline constexpr Attachment kFreeClassic[] = {{"process_free_classic", tracepoint, "sched/sched_process_free"}};
inline constexpr Alternative kFree[] = {{btf_tracepoint, kFreeBtf}, {tracepoint, kFreeClassic}};

inline constexpr ProbePoint kRows[] = {
    {.row = "descriptors", .features = Feature::descriptors, .alternatives = kDescriptors},
    // Copied by the same programs; what io_uring's own threads open has none.
    {.row = "stacks", .features = Feature::stacks, .alternatives = kDescriptors, .told_by = "descriptors"},
    {.row = "descriptor_refusals", .features = Feature::refusals, .alternatives = kRefused, .purpose = Purpose::witness},
    {.row = "socket_close", .features = Feature::socket_close, .alternatives = kSocketClose},
    // A fork copies descriptors, and the end of a process closes them, sockets among them.
    {.row = "process_fork", .features = FeatureSet(Feature::processes) | Feature::descriptors, .alternatives = kFork},
    {.row = "process_exec", .features = Feature::processes, .alternatives = kExec},
    {.row = "process_exit",
     .features = FeatureSet(Feature::processes) | Feature::descriptors | Feature::socket_close,
     .alternatives = kExit},
    {.row = "process_free", .features = kEveryFeature, .alternatives = kFree, .condition = Condition::pid_filter},
};

}  // namespace sockeye::descriptor_rows
