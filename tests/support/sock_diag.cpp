// SPDX-License-Identifier: GPL-2.0-only
#include "support/sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/membarrier.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

#include "base/unique_fd.h"
#include "events/event.h"
#include "support/environment.h"

namespace live {
namespace {

std::string address_text(int family, const void* bytes) {
    char text[INET6_ADDRSTRLEN];
    if (family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(static_cast<const in6_addr*>(bytes))) {
        family = AF_INET;
        bytes = static_cast<const char*>(bytes) + 12;
    }
    inet_ntop(family, bytes, text, sizeof text);
    return text;
}

// States 1 to 12. The bit above (bound, not yet connected; 6.8 and later) would add sockets that
// neither `ss -tan` nor /proc/net/tcp shows.
constexpr std::uint32_t kEveryState = 0x1ffe;

// Nothing: this kernel has no tcp_diag.
std::optional<std::vector<DiagSocket>> dump(std::uint8_t family) {
    sockeye::UniqueFd netlink(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
    if (!netlink.valid()) return std::nullopt;
    struct {
        nlmsghdr header;
        inet_diag_req_v2 body;
    } request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.sdiag_family = family;
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_states = kEveryState;
    if (send(netlink.get(), &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request))
        return std::nullopt;
    std::vector<DiagSocket> sockets;
    alignas(nlmsghdr) std::array<char, 65536> buffer;
    for (;;) {
        ssize_t got = recv(netlink.get(), buffer.data(), buffer.size(), 0);
        if (got <= 0) return std::nullopt;
        auto left = static_cast<unsigned>(got);
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); NLMSG_OK(message, left);
             message = NLMSG_NEXT(message, left)) {
            if (message->nlmsg_type == NLMSG_DONE) return sockets;
            if (message->nlmsg_type == NLMSG_ERROR) return std::nullopt;
            inet_diag_msg body{};
            std::memcpy(&body, NLMSG_DATA(message), sizeof body);
            sockets.push_back({.state = body.idiag_state,
                               .laddr = address_text(body.idiag_family, body.id.idiag_src),
                               .raddr = address_text(body.idiag_family, body.id.idiag_dst),
                               .lport = ntohs(body.id.idiag_sport),
                               .rport = ntohs(body.id.idiag_dport),
                               .inode = body.idiag_inode,
                               .timer = body.idiag_timer});
        }
    }
}

// "0100007F:1F90": words of the address in host byte order.
std::pair<std::string, std::uint16_t> parse_endpoint(const std::string& text) {
    std::size_t colon = text.find(':');
    std::array<std::uint32_t, 4> words{};
    std::size_t count = colon / 8;
    for (std::size_t index = 0; index < count; index++)
        words[index] = static_cast<std::uint32_t>(std::stoul(text.substr(index * 8, 8), nullptr, 16));
    return {address_text(count == 4 ? AF_INET6 : AF_INET, words.data()),
            static_cast<std::uint16_t>(std::stoul(text.substr(colon + 1), nullptr, 16))};
}

void read_table(const char* path, std::vector<DiagSocket>& sockets) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);  // the heading
    while (std::getline(file, line)) {
        std::istringstream fields(line);
        std::string number, local, remote, state, timer, skip;
        DiagSocket socket;
        fields >> number >> local >> remote >> state >> skip >> timer >> skip >> skip >> skip >> socket.inode;
        socket.timer = std::stoi(timer, nullptr, 16);  // "03:00000C5A"
        std::tie(socket.laddr, socket.lport) = parse_endpoint(local);
        std::tie(socket.raddr, socket.rport) = parse_endpoint(remote);
        socket.state = std::stoi(state, nullptr, 16);
        sockets.push_back(std::move(socket));
    }
}

}  // namespace

std::vector<DiagSocket> tcp_sockets() {
    std::optional<std::vector<DiagSocket>> sockets = dump(AF_INET);
    std::optional<std::vector<DiagSocket>> more = dump(AF_INET6);
    if (sockets && more) {
        sockets->insert(sockets->end(), more->begin(), more->end());
        return *sockets;
    }
    std::vector<DiagSocket> listed;
    read_table("/proc/net/tcp", listed);
    read_table("/proc/net/tcp6", listed);
    return listed;
}

bool settles(const std::function<bool(const std::vector<DiagSocket>&)>& condition) {
    const auto met = [&] { return condition(tcp_sockets()); };
    // In one of some 2,000 loads on a busy 6.18 one end waited for its minute in FIN_WAIT2: what its peer sent at last
    // did not come. That may be as long as our patience.
    if (!eventually(met) && !eventually(met)) return false;
    // An RCU grace period: every softirq that runs now has returned.
    return syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0;
}

std::map<std::string, unsigned> tcp_state_counts(const std::vector<DiagSocket>& sockets) {
    std::map<std::string, unsigned> counts;
    for (const DiagSocket& socket : sockets)
        counts[std::string(sockeye::tcp_state_name(static_cast<std::uint8_t>(socket.state)))]++;
    return counts;
}

}  // namespace live
