// SPDX-License-Identifier: GPL-2.0-only
/* The one BPF object: every family of hooks, compiled as one unit so that maps and settings exist once.
 * All programs are optional (SEC("?…")): userspace switches on what it planned. */
#include "kernel_types.h"

char LICENSE[] SEC("license") = "GPL";

#include "tcp_state.bpf.c"
#include "time_wait.bpf.c"
#include "socket.bpf.c"
#include "fd.bpf.c"
#include "io_uring.bpf.c"
#include "fd_functions.bpf.c"
#include "fd_refused.bpf.c"
#include "process.bpf.c"
#include "existing.bpf.c"
