// SPDX-License-Identifier: GPL-2.0-only
#include "events/proc_tcp.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>
#include <system_error>

namespace sockeye {
namespace {

enum Column : std::size_t { kNumber, kLocal, kRemote, kState, kQueues, kTimer, kRetransmits, kUid, kTimeout, kInode };
// Minisocks and requests end with a count of references and an address; full sockets have five columns more.
constexpr std::size_t kShortLine = 12, kLongLine = 17;

std::size_t split(std::string_view line, std::span<std::string_view> columns) {
    std::size_t count = 0;
    for (std::size_t at = 0; count < columns.size();) {
        at = line.find_first_not_of(" \n", at);
        if (at == std::string_view::npos) break;
        const std::size_t end = std::min(line.find_first_of(" \n", at), line.size());
        columns[count++] = line.substr(at, end - at);
        at = end;
    }
    return count;
}

template <typename Number>
bool read_number(std::string_view text, Number& number, int base) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return error == std::errc{} && end == text.data() + text.size();
}

// "0100007F:1F90": words of the address as this machine holds them, printed as numbers; a port.
bool read_end(std::string_view text, se_u8 (&address)[16], se_u16& port) {
    static constexpr se_u8 kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const std::size_t colon = text.find(':');
    if (colon != 8 && colon != 32) return false;
    std::size_t place = 0;
    if (colon == 8) {
        std::memcpy(address, kMapped, sizeof(kMapped));
        place = sizeof(kMapped);
    }
    for (std::size_t at = 0; at < colon; at += 8, place += sizeof(std::uint32_t)) {
        std::uint32_t word = 0;
        if (!read_number(text.substr(at, 8), word, 16)) return false;
        std::memcpy(address + place, &word, sizeof(word));
    }
    return read_number(text.substr(colon + 1), port, 16);
}

bool is_mapped(const se_u8 (&address)[16]) {
    static constexpr se_u8 kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(address, kMapped, sizeof(kMapped)) == 0;
}

}  // namespace

std::optional<existing_socket_event> parse_proc_tcp(std::string_view line, std::uint32_t netns) {
    std::array<std::string_view, kLongLine + 1> columns;
    const std::size_t count = split(line, columns);
    if (count != kShortLine && count != kLongLine) return std::nullopt;
    existing_socket_event record{};
    record.header.kind = WIRE_existing_socket;
    record.header.size = sizeof(record);
    record.netns = netns;
    socket_tuple& tuple = record.tuple;
    if (!read_end(columns[kLocal], tuple.laddr, tuple.lport)) return std::nullopt;
    if (!read_end(columns[kRemote], tuple.raddr, tuple.rport)) return std::nullopt;
    // As the programs tell it: an IPv6 socket that talks IPv4 is an IPv4 socket.
    tuple.family = is_mapped(tuple.laddr) || is_mapped(tuple.raddr) ? WIRE_FAMILY_IPV4 : WIRE_FAMILY_IPV6;
    tuple.protocol = 6;
    tuple.type = 1;  // SOCK_STREAM
    const std::size_t colon = columns[kQueues].find(':');
    if (colon == std::string_view::npos || !read_number(columns[kState], record.state, 16) ||
        !read_number(columns[kQueues].substr(0, colon), record.send_queue, 16) ||
        !read_number(columns[kQueues].substr(colon + 1), record.receive_queue, 16) ||
        !read_number(columns[kInode], record.inode, 10))
        return std::nullopt;
    if (count == kShortLine)
        record.object = record.state == WIRE_TCP_SYN_RECV ? WIRE_SOCKET_REQUEST : WIRE_SOCKET_TIME_WAIT;
    return record;
}

}  // namespace sockeye
