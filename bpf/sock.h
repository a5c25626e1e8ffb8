/* SPDX-License-Identifier: GPL-2.0-only */
/* struct sock → tuple and network namespace. Two ways to the same result: direct loads where the
 * verifier trusts the pointer (tp_btf, iterators), probe reads elsewhere; `trusted` is a constant. */
#ifndef SOCKEYE_SOCK_H
#define SOCKEYE_SOCK_H

#include <bpf/bpf_endian.h>

#include "kernel_compat.h"
#include "sockeye/event.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_DEAD_BIT 0 /* enum sock_flags, include/net/sock.h */
#define SOCK_DONE_BIT 1

/* Reads one field either way. */
#define SOCK_READ(trusted, destination, pointer, field)                                              \
	do {                                                                                         \
		if (trusted)                                                                         \
			(destination) = (pointer)->field;                                            \
		else                                                                                 \
			bpf_core_read(&(destination), sizeof(destination), &(pointer)->field);       \
	} while (0)

static __always_inline void set_mapped_ipv4(u8 address[16], __be32 ipv4)
{
	u32 *words = (u32 *)address;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0x0000ffff);
	words[3] = ipv4;
}

static __always_inline bool is_mapped_ipv4(const u8 address[16])
{
	const u32 *words = (const u32 *)address;

	return words[0] == 0 && words[1] == 0 && words[2] == bpf_htonl(0x0000ffff);
}

/* An AF_INET6 socket that talks IPv4 is shown as IPv4. Its unbound local address counts as IPv4, too. */
static __always_inline void normalise_family(struct socket_tuple *tuple)
{
	if (tuple->family != AF_INET6)
		return;
	if (is_mapped_ipv4(tuple->raddr) || is_mapped_ipv4(tuple->laddr)) {
		u32 *local = (u32 *)tuple->laddr;
		u32 *remote = (u32 *)tuple->raddr;

		tuple->family = WIRE_FAMILY_IPV4;
		local[2] = bpf_htonl(0x0000ffff);
		remote[2] = bpf_htonl(0x0000ffff);
	}
}

static __always_inline void copy_address(u8 destination[16], const struct in6_addr *source, const bool trusted)
{
	u32 *words = (u32 *)destination;

	if (trusted) {
		words[0] = source->in6_u.u6_addr32[0];
		words[1] = source->in6_u.u6_addr32[1];
		words[2] = source->in6_u.u6_addr32[2];
		words[3] = source->in6_u.u6_addr32[3];
	} else {
		bpf_core_read(destination, 16, source);
	}
}

/* Addresses, ports and family of any sock_common: full sockets, minisocks, requests. Protocol and type are
 * the caller's. At →CLOSE skc_num is already 0 (inet_put_port comes first). */
static __always_inline void read_common_tuple(struct socket_tuple *tuple, const struct sock_common *common,
					      const bool trusted)
{
	unsigned short family = 0;
	__be16 remote_port = 0;
	u16 local_port = 0;

	SOCK_READ(trusted, family, common, skc_family);
	SOCK_READ(trusted, remote_port, common, skc_dport);
	SOCK_READ(trusted, local_port, common, skc_num);
	tuple->family = family;
	tuple->lport = local_port;
	tuple->rport = bpf_ntohs(remote_port);
	if (family == AF_INET) {
		__be32 local = 0, remote = 0;

		SOCK_READ(trusted, local, common, skc_rcv_saddr);
		SOCK_READ(trusted, remote, common, skc_daddr);
		set_mapped_ipv4(tuple->laddr, local);
		set_mapped_ipv4(tuple->raddr, remote);
	} else if (family == AF_INET6) {
		copy_address(tuple->laddr, &common->skc_v6_rcv_saddr, trusted);
		copy_address(tuple->raddr, &common->skc_v6_daddr, trusted);
		normalise_family(tuple);
	}
}

static __always_inline u32 read_netns(const struct sock_common *common, const bool trusted)
{
	if (trusted)
		return common->skc_net.net->ns.inum;
	return BPF_CORE_READ(common, skc_net.net, ns.inum);
}

/* The port of the full socket even after it was unhashed. */
static __always_inline u16 read_source_port(const struct sock *sk)
{
	__be16 port = 0;

	bpf_core_read(&port, sizeof(port), &((const struct inet_sock *)sk)->inet_sport);
	return bpf_ntohs(port);
}

/* Raw sockets and netlink's may have that protocol number, too. */
static __always_inline bool is_tcp_socket(const struct sock *sk)
{
	return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP && BPF_CORE_READ(sk, sk_type) == SOCK_STREAM;
}

#define SOCK_COMMON_BYTES 192 /* sizeof(struct sock_common) is 136 in 5.10 to 7.3 */

/* A field of a struct sock_common that was copied whole: its offset is the running kernel's. */
#define COPIED_FIELD(copy, type, field)                                                              \
	(*(type *)((copy) + __builtin_preserve_field_info(((struct sock_common *)0)->field, BPF_FIELD_BYTE_OFFSET)))

/* The whole tuple of a full socket that some other code found. One read of the common part costs as much as one
 * of any of its fields. Returns the state. */
static __always_inline u8 read_sock_tuple(struct socket_tuple *tuple, u32 *netns, const struct sock *sk)
{
	u8 copy[SOCK_COMMON_BYTES] __attribute__((aligned(8)));
	u32 size = bpf_core_type_size(struct sock_common);
	const struct net *net;

	bpf_probe_read_kernel(copy, size < sizeof(copy) ? size : sizeof(copy), sk);
	tuple->family = COPIED_FIELD(copy, u16, skc_family);
	tuple->lport = COPIED_FIELD(copy, u16, skc_num);
	tuple->rport = bpf_ntohs(COPIED_FIELD(copy, u16, skc_dport));
	if (tuple->family == AF_INET) {
		set_mapped_ipv4(tuple->laddr, COPIED_FIELD(copy, u32, skc_rcv_saddr));
		set_mapped_ipv4(tuple->raddr, COPIED_FIELD(copy, u32, skc_daddr));
	} else if (tuple->family == AF_INET6) {
		__builtin_memcpy(tuple->laddr, &COPIED_FIELD(copy, u8, skc_v6_rcv_saddr), 16);
		__builtin_memcpy(tuple->raddr, &COPIED_FIELD(copy, u8, skc_v6_daddr), 16);
		normalise_family(tuple);
	}
	net = (const struct net *)COPIED_FIELD(copy, u64, skc_net);
	*netns = BPF_CORE_READ(net, ns.inum);
	tuple->type = BPF_CORE_READ(sk, sk_type);
	tuple->protocol = tuple->family == AF_UNIX ? 0 : BPF_CORE_READ(sk, sk_protocol);
	return COPIED_FIELD(copy, u8, skc_state);
}

#endif
