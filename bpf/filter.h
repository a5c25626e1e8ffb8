/* SPDX-License-Identifier: GPL-2.0-only */
/* The one filter. The kernel drops only what certainly does not match; what it cannot decide passes, and
 * userspace decides every event exactly. */
#ifndef SOCKEYE_FILTER_H
#define SOCKEYE_FILTER_H

#include "emit.h"

const volatile struct filter_config config_filter = {};

/* tgid → 1. Written by userspace before attach and by fork when following; deleted by process exit. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, u8);
} filter_tgids SEC(".maps");

/* port → bits 0 (either end), 1 (local), 2 (remote). Written by userspace before attach; never deleted. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 65536);
	__type(key, u32);
	__type(value, u8);
} filter_ports SEC(".maps");

/* sk → 1: sockets that are certainly not asked for. Written when that is found out, and then told to userspace by
 * one last record (WIRE_FLAG_UNWANTED) if it has heard of the socket; deleted at →CLOSE or when the address
 * begins a new life. When it is full the events merely pass. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, u64);
	__type(value, u8);
} ignored_sockets SEC(".maps");

static __always_inline void ignore_socket(const struct sock *sk)
{
	u64 key = (u64)sk;
	u8 one = 1;

	if (bpf_map_update_elem(&ignored_sockets, &key, &one, BPF_ANY))
		count_map_failure(LOSS_MAP_IGNORED_SOCKETS);
}

static __always_inline void forget_ignored(const struct sock *sk)
{
	u64 key = (u64)sk;

	bpf_map_delete_elem(&ignored_sockets, &key);
}

static __always_inline bool is_ignored(const struct sock *sk)
{
	u64 key = (u64)sk;

	return bpf_map_lookup_elem(&ignored_sockets, &key) != NULL;
}

/* Whether a process is asked for. */
static __always_inline bool filter_tgid(u32 tgid)
{
	if (tgid == config_self_tgid)
		return false;
	if (!(config_filter.flags & FILTER_TGIDS))
		return true;
	return bpf_map_lookup_elem(&filter_tgids, &tgid) != NULL;
}

static __always_inline bool filter_port_bits(u16 port, u8 bit)
{
	u32 key = port;
	u8 *bits = bpf_map_lookup_elem(&filter_ports, &key);

	return bits && (*bits & bit);
}

static __always_inline bool filter_address(const u8 address[16])
{
	const u64 *words = (const u64 *)address;

	for (u32 i = 0; i < FILTER_MAX_PREFIXES; i++) {
		if (i >= config_filter.prefix_count)
			break;
		if ((words[0] & config_filter.prefixes[i].mask[0]) == config_filter.prefixes[i].address[0] &&
		    (words[1] & config_filter.prefixes[i].mask[1]) == config_filter.prefixes[i].address[1])
			return true;
	}
	return false;
}

/* Whether a socket with a complete tuple is asked for. */
static __always_inline bool filter_tuple(const struct socket_tuple *tuple, u32 netns)
{
	u32 flags = config_filter.flags;

	if ((flags & FILTER_NETNS) && netns != config_filter.netns)
		return false;
	if ((flags & FILTER_FAMILY) && tuple->family != config_filter.family)
		return false;
	if ((flags & FILTER_ANY_PORT) && !filter_port_bits(tuple->lport, 1) && !filter_port_bits(tuple->rport, 1))
		return false;
	if ((flags & FILTER_LOCAL_PORT) && !filter_port_bits(tuple->lport, 2))
		return false;
	if ((flags & FILTER_REMOTE_PORT) && !filter_port_bits(tuple->rport, 4))
		return false;
	if ((flags & FILTER_PREFIXES) && !filter_address(tuple->laddr) && !filter_address(tuple->raddr))
		return false;
	return true;
}

#endif
