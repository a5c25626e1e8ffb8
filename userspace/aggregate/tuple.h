// SPDX-License-Identifier: GPL-2.0-only
// What the tables ask of a socket_tuple: its hash, equality, and whether its ends are known.
#pragma once

#include <cstdint>
#include <cstring>

#include "sockeye/event.h"

namespace sockeye {

struct AddressWords {
    std::uint64_t high = 0, low = 0;
    explicit AddressWords(const se_u8 (&address)[16]) {
        std::memcpy(&high, address, 8);
        std::memcpy(&low, address + 8, 8);
    }
    friend bool operator==(const AddressWords&, const AddressWords&) = default;
};

// True for :: and 0.0.0.0 in its IPv4-mapped form, too: not known, or bound to every address.
inline bool is_any_address(const se_u8 (&address)[16]) {
    const AddressWords words(address);
    static constexpr se_u8 kMappedAny[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};
    return words.high == 0 && (words.low == 0 || words == AddressWords(kMappedAny));
}

// 127.0.0.0/8 in its IPv4-mapped form, and ::1.
inline bool is_loopback_address(const se_u8 (&address)[16]) {
    static constexpr se_u8 kLoopback[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    static constexpr se_u8 kMapped[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
    return std::memcmp(address, kLoopback, sizeof(kLoopback)) == 0 || std::memcmp(address, kMapped, sizeof(kMapped)) == 0;
}

inline bool has_remote(const socket_tuple& tuple) { return tuple.rport != 0 && !is_any_address(tuple.raddr); }
inline bool is_complete(const socket_tuple& tuple) {
    return tuple.lport != 0 && has_remote(tuple) && !is_any_address(tuple.laddr);
}

// Both ends and the protocol; not the type, which minisocks don't know.
inline bool same_ends(const socket_tuple& a, const socket_tuple& b) {
    return a.lport == b.lport && a.rport == b.rport && a.protocol == b.protocol &&
           std::memcmp(a.laddr, b.laddr, sizeof(a.laddr)) == 0 &&
           std::memcmp(a.raddr, b.raddr, sizeof(a.raddr)) == 0;
}

// The same connection, seen from its other end.
inline socket_tuple other_end(const socket_tuple& tuple) {
    socket_tuple other = tuple;
    std::memcpy(other.laddr, tuple.raddr, sizeof(other.laddr));
    std::memcpy(other.raddr, tuple.laddr, sizeof(other.raddr));
    other.lport = tuple.rport;
    other.rport = tuple.lport;
    return other;
}

__extension__ typedef unsigned __int128 WideProduct;

// Multiplies to 128 bits and folds: every bit of both factors reaches every bit of the result.
inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
    const WideProduct product = static_cast<WideProduct>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Odd constants with no structure: digits of the golden ratio and of sqrt(2), sqrt(3).
inline constexpr std::uint64_t kHashA = 0x9e3779b97f4a7c15, kHashB = 0x6a09e667f3bcc909,
                               kHashC = 0xbb67ae8584caa73b;

inline std::uint32_t hash_address(std::uint64_t kernel_address) {
    return static_cast<std::uint32_t>((kernel_address * kHashA) >> 32);
}

inline std::uint32_t hash_ends(std::uint32_t netns, const socket_tuple& tuple) {
    const AddressWords local(tuple.laddr);
    const AddressWords remote(tuple.raddr);
    const std::uint64_t ports = (static_cast<std::uint64_t>(tuple.lport) << 16) | tuple.rport;
    const std::uint64_t ends =
        fold_multiply(local.high ^ kHashA ^ (local.low * kHashC), remote.low ^ kHashB ^ (remote.high * kHashA));
    return static_cast<std::uint32_t>(
        fold_multiply(ends ^ ports, (static_cast<std::uint64_t>(netns) << 32) ^ kHashC ^ ports) >> 16);
}

}  // namespace sockeye
