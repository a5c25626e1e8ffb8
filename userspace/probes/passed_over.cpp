// SPDX-License-Identifier: GPL-2.0-only
#include "probes/passed_over.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "events/proc_tcp.h"
#include "probes/ktime.h"

namespace sockeye {
namespace {

std::string ends_of(const socket_tuple& tuple) {
    std::string ends(reinterpret_cast<const char*>(tuple.laddr), sizeof(tuple.laddr));
    ends.append(reinterpret_cast<const char*>(tuple.raddr), sizeof(tuple.raddr));
    ends.append(reinterpret_cast<const char*>(&tuple.lport), sizeof(tuple.lport));
    ends.append(reinterpret_cast<const char*>(&tuple.rport), sizeof(tuple.rport));
    return ends;
}

}  // namespace

PassedOver::PassedOver() : ipv4_(open_table("tcp")), ipv6_(open_table("tcp6")) {}

UniqueFd PassedOver::open_table(const char* name) {
    const std::string path = std::string("/proc/thread-self/net/") + name;
    UniqueFd table(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    // No such table: no IPv6, or a /proc that shows processes only (subset=pid). Then what the iterator gave must do.
    if (!table.valid() && errno != ENOENT && error_ == 0) error_ = errno;
    return table;
}

void PassedOver::given(std::span<const std::byte> records) {
    for (std::size_t at = 0; at + sizeof(event_header) <= records.size() && first_given_.size() < kMostGiven;) {
        existing_socket_event record{};
        std::memcpy(&record.header, records.data() + at, sizeof(record.header));
        if (record.header.kind == WIRE_existing_socket && record.header.size == sizeof(record)) {
            std::memcpy(&record, records.data() + at, sizeof(record));
            if (record.state != WIRE_TCP_LISTEN) first_given_.insert(ends_of(record.tuple));
        }
        at += record.header.size;
    }
}

int PassedOver::append(std::uint32_t netns, RecordBatch& batch) {
    if (error_ != 0) return error_;
    for (const UniqueFd* const table : {&ipv4_, &ipv6_}) {
        if (!table->valid()) continue;
        if (const int error = append_from(table->get(), netns, batch); error != 0) return error;
    }
    return 0;
}

int PassedOver::append_from(int table, std::uint32_t netns, RecordBatch& batch) const {
    std::array<char, 4096> piece{};  // as much as the kernel makes at once
    std::string unread;
    // Where the set is not whole, all that was given of this table may stand behind it: of a family that is rare there.
    // Passed over is one bucket, so that what was given is met soon, or not to be looked for.
    constexpr std::size_t kMostPassed = 1024;
    const bool is_whole = first_given_.size() < kMostGiven;
    RecordBatch passed;
    std::size_t count = 0;
    const auto take = [&batch, &passed] { batch.insert(batch.end(), passed.begin(), passed.end()); };
    for (;;) {
        const ssize_t got = read(table, piece.data(), piece.size());
        if (got < 0) return errno;
        if (got == 0) {
            if (is_whole) take();
            return 0;
        }
        const std::uint64_t read_ns = ktime_now();
        unread.append(piece.data(), static_cast<std::size_t>(got));
        std::size_t at = 0;
        for (std::size_t end = 0; (end = unread.find('\n', at)) != std::string::npos; at = end + 1) {
            std::optional<existing_socket_event> record =
                parse_proc_tcp(std::string_view(unread).substr(at, end - at), netns);
            if (!record.has_value() || record->state == WIRE_TCP_LISTEN) continue;
            if (first_given_.contains(ends_of(record->tuple))) {
                take();
                return 0;
            }
            if (!is_whole && ++count > kMostPassed) return 0;
            record->header.ktime_ns = read_ns;
            append_record(passed, *record);
        }
        unread.erase(0, at);
    }
}

}  // namespace sockeye
