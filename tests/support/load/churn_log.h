// SPDX-License-Identifier: GPL-2.0-only
// The log of connection_churn: what every process of the load itself saw, one fixed record a connection
// and side. Live tests compare sockeye's events with it. The file is a plain array of ChurnRecord, in
// host byte order, in no order across processes.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace load {

enum class Role : std::uint8_t { client = 1, server = 2 };

// Who ends a connection first: the client's close, the server's close, or the client's reset.
enum class CloseKind : std::uint8_t { client = 0, server = 1, rst = 2, held = 3 };

// An IPv4 address is stored IPv4-mapped, as sockeye's wire records do; ports are in host order.
struct ChurnEndpoint {
    std::array<std::uint8_t, 16> address{};
    std::uint16_t port = 0;
    bool ipv4 = false;
};

struct ChurnRecord {
    std::array<std::uint8_t, 16> local_address{};
    std::array<std::uint8_t, 16> remote_address{};
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    std::int32_t fd = -1;
    std::int32_t error = 0;        // errno of connect or accept; 0: established
    std::uint16_t local_port = 0;  // 0: unknown (a connect that failed)
    std::uint16_t remote_port = 0;
    Role role = Role::client;
    CloseKind close_kind = CloseKind::client;
    bool ipv4 = false;
    bool nonblocking = false;
    std::uint32_t worker = 0;  // the process is named churn-client-N or churn-server-N
    std::uint32_t reserved = 0;
};
static_assert(sizeof(ChurnRecord) == 64);

inline ChurnEndpoint endpoint_of(const sockaddr_storage& address) {
    ChurnEndpoint endpoint;
    if (address.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        endpoint.address[10] = endpoint.address[11] = 0xff;
        std::memcpy(&endpoint.address[12], &v4.sin_addr, 4);
        endpoint.port = ntohs(v4.sin_port);
        endpoint.ipv4 = true;
    } else if (address.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        std::memcpy(endpoint.address.data(), &v6.sin6_addr, 16);
        endpoint.port = ntohs(v6.sin6_port);
        endpoint.ipv4 = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
    }
    return endpoint;
}

// Reads a whole log; an unreadable file gives an empty vector.
inline std::vector<ChurnRecord> read_churn_log(const std::string& path) {
    std::vector<ChurnRecord> records;
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (file == nullptr) return records;
    ChurnRecord record;
    while (std::fread(&record, sizeof record, 1, file) == 1) records.push_back(record);
    std::fclose(file);
    return records;
}

}  // namespace load
