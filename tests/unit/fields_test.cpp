// SPDX-License-Identifier: GPL-2.0-only
#include "events/fields.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

namespace sockeye {
namespace {

std::vector<std::string> names_of(std::span<const Field> fields) {
    std::vector<std::string> names;
    for (const Field& field : fields) names.emplace_back(field.name);
    return names;
}

using Names = std::vector<std::string>;

TEST_CASE("every kind has the fields that users were promised, in that order", "[fields]") {
    CHECK(names_of(common_fields()) == Names{"time", "ktime_ns", "event", "pid", "tid", "comm"});
    CHECK(names_of(socket_fields()) ==
          Names{"socket", "netns", "protocol", "family", "laddr", "lport", "raddr", "rport"});
    CHECK(names_of(fields_of(EventKind::socket)) == Names{"fd", "type", "error"});
    CHECK(names_of(fields_of(EventKind::bind)) == Names{"fd", "error"});
    CHECK(names_of(fields_of(EventKind::listen)) == Names{"fd", "backlog", "error"});
    CHECK(names_of(fields_of(EventKind::connect)) == Names{"fd", "error", "latency_ms"});
    CHECK(names_of(fields_of(EventKind::accept)) == Names{"fd", "listener", "error"});
    CHECK(names_of(fields_of(EventKind::tcp_state)) == Names{"old_state", "new_state", "state_ms", "reason",
                                                             "closed_by", "closer_pid", "closer_comm", "closer",
                                                             "closer_name"});
    CHECK(names_of(fields_of(EventKind::socket_close)) == Names{"fd"});
    CHECK(names_of(fields_of(EventKind::fd_open)) == Names{"fd", "kind", "via"});
    CHECK(names_of(fields_of(EventKind::fd_close)) == Names{"fd", "kind", "via"});
    CHECK(names_of(fields_of(EventKind::exec)) == Names{"filename"});
    CHECK(names_of(fields_of(EventKind::exit)) == Names{"fds"});
    CHECK(names_of(fields_of(EventKind::finding)) == Names{"rule", "severity", "title", "evidence", "advice"});
    CHECK(names_of(fields_of(EventKind::lost)) == Names{"count"});
}

TEST_CASE("no object names a field twice", "[fields]") {
    for (std::size_t kind = 0; kind < kEventKindCount; ++kind) {
        std::multiset<std::string> names;
        for (const auto& fields :
             {common_fields(), socket_fields(), fields_of(static_cast<EventKind>(kind)), trailing_fields()}) {
            for (const Field& field : fields) names.emplace(field.name);
        }
        for (const std::string& name : names) CHECK(names.count(name) == 1);
    }
}

TEST_CASE("a field's JSON key is its name, quoted", "[fields]") {
    const Field& field = common_fields()[1];
    CHECK(std::string_view(field.key.text.data(), field.key.size) == ",\"ktime_ns\":");
}

TEST_CASE("descriptors concern a socket only if they refer to one", "[fields]") {
    Event event;
    event.kind = EventKind::fd_open;
    CHECK_FALSE(concerns_socket(event));
    event.socket.id = 7;
    CHECK(concerns_socket(event));
    event = {};
    event.kind = EventKind::bind;
    CHECK(concerns_socket(event));
}

TEST_CASE("a getter asked about another kind's detail says null", "[fields]") {
    Event event;
    event.kind = EventKind::exec;
    event.detail = ProcessExit{};
    for (const Field& field : fields_of(EventKind::exec)) {
        CHECK(std::holds_alternative<std::monostate>(field.get(event)));
    }
}

}  // namespace
}  // namespace sockeye
