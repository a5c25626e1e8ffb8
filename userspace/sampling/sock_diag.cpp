// SPDX-License-Identifier: GPL-2.0-only
#include "sampling/sock_diag.h"

#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "base/unique_fd.h"
#include "probes/ktime.h"
#include "sampling/diag_records.h"

namespace sockeye {
namespace {

constexpr std::uint32_t kListen = 1U << WIRE_TCP_LISTEN;
// States 1 to 12. The bit above (bound, not yet connected; 6.8 and later) would add sockets in CLOSE, which no other
// table of the kernel shows.
constexpr std::uint32_t kEveryState = 0x1ffe;
// What the kernel fills in one go; include/linux/netlink.h, net/netlink/af_netlink.c.
constexpr std::size_t kMessageBytes = 64 * 1024;

template <typename Body>
struct DiagRequest {
    nlmsghdr header;
    Body body;
};

template <typename Body>
int ask(int netlink, const Body& body) {
    DiagRequest<Body> request{};
    request.header.nlmsg_len = sizeof(request);
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body = body;
    return send(netlink, &request, sizeof(request), 0) == static_cast<ssize_t>(sizeof(request)) ? 0 : errno;
}

// What a message says besides sockets: `content` of NLMSG_ERROR and NLMSG_DONE begins with −errno.
int error_in(std::span<const std::byte> content) {
    int error = 0;
    if (content.size() < sizeof(error)) return 0;
    std::memcpy(&error, content.data(), sizeof(error));
    return -error;
}

// Hands each message's content to `take` up to the end of the answer.
template <typename Take>
Result<int> each_answer(int netlink, const Take& take) {
    alignas(nlmsghdr) static thread_local std::array<std::byte, kMessageBytes> buffer;
    for (;;) {
        const ssize_t got = recv(netlink, buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 ? errno : EBADMSG;
        const std::uint64_t ktime_ns = ktime_now();
        std::span<const std::byte> left(buffer.data(), static_cast<std::size_t>(got));
        while (left.size() >= sizeof(nlmsghdr)) {
            nlmsghdr header{};
            std::memcpy(&header, left.data(), sizeof(header));
            if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > left.size()) return EBADMSG;
            const std::span<const std::byte> content = left.subspan(NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
            if (header.nlmsg_type == NLMSG_DONE) return error_in(content);
            if (header.nlmsg_type == NLMSG_ERROR) return std::max(error_in(content), 1);
            if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
                if (Result<void> taken = take(content, ktime_ns); !taken) return taken.error();
            }
            left = left.subspan(std::min<std::size_t>(NLMSG_ALIGN(header.nlmsg_len), left.size()));
        }
    }
}

struct InternetQuestion {
    std::uint8_t family, protocol;
    std::uint32_t states;
    std::uint8_t extensions;
};

Result<int> read_internet(int netlink, const InternetQuestion& question, std::uint32_t netns, const TakeSocket& take) {
    inet_diag_req_v2 body{};
    body.sdiag_family = question.family;
    body.sdiag_protocol = question.protocol;
    body.idiag_ext = question.extensions;
    body.idiag_states = question.states;
    if (const int error = ask(netlink, body); error != 0) return error;
    return each_answer(netlink, [&](std::span<const std::byte> content, std::uint64_t ktime_ns) -> Result<void> {
        inet_diag_msg message{};
        if (content.size() < sizeof(message)) return {};
        std::memcpy(&message, content.data(), sizeof(message));
        return take(internet_socket(message, content.subspan(NLMSG_ALIGN(sizeof(message))), question.protocol, netns, ktime_ns));
    });
}

Result<int> read_unix(int netlink, std::uint32_t netns, const TakeSocket& take) {
    unix_diag_req body{};
    body.sdiag_family = AF_UNIX;
    body.udiag_states = ~0U;
    body.udiag_show = UDIAG_SHOW_RQLEN;
    if (const int error = ask(netlink, body); error != 0) return error;
    return each_answer(netlink, [&](std::span<const std::byte> content, std::uint64_t ktime_ns) -> Result<void> {
        unix_diag_msg message{};
        if (content.size() < sizeof(message)) return {};
        std::memcpy(&message, content.data(), sizeof(message));
        return take(unix_socket(message, content.subspan(NLMSG_ALIGN(sizeof(message))), netns, ktime_ns));
    });
}

}  // namespace

int open_sock_diag() {
    const int netlink = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (netlink < 0) return -errno;
    // The kernel answers within the call that asks and the ones that read; this only bounds what should never be.
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    setsockopt(netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return netlink;
}

bool answers_sock_diag() {
    const UniqueFd netlink(open_sock_diag());
    if (!netlink.valid()) return false;
    const InternetQuestion question{AF_INET, IPPROTO_TCP, kListen, 0};
    const Result<int> read =
        read_internet(netlink.get(), question, 0, [](const existing_socket_event&) { return Result<void>(); });
    return read && *read == 0;
}

Result<int> read_sock_diag(int netlink, sweep_table table, std::uint32_t netns, const TakeSocket& take) {
    if (table == SWEEP_UNIX) return read_unix(netlink, netns, take);
    constexpr std::uint8_t kMemory = 1U << (INET_DIAG_SKMEMINFO - 1);
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        // Only of listeners it is asked how many packets they dropped. They come first: a connection that is met is
        // told by its listener whose end it is.
        const InternetQuestion udp{family, IPPROTO_UDP, kEveryState, 0};
        const InternetQuestion listeners{family, IPPROTO_TCP, kListen, kMemory};
        const InternetQuestion others{family, IPPROTO_TCP, kEveryState & ~kListen, 0};
        Result<int> read = read_internet(netlink, table == SWEEP_UDP ? udp : listeners, netns, take);
        if (read && *read == 0 && table == SWEEP_TCP) read = read_internet(netlink, others, netns, take);
        // A kernel without IPv6 has no handler for it.
        const bool no_ipv6 = family == AF_INET6 && read && *read == ENOENT;
        if (!read || (*read != 0 && !no_ipv6)) return read;
    }
    return 0;
}

}  // namespace sockeye
