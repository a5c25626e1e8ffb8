// SPDX-License-Identifier: GPL-2.0-only
#include "sinks/snapshot_json.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>

#include "base/format.h"
#include "diagnose/time_wait.h"
#include "events/fields.h"
#include "events/socket_view.h"
#include "sinks/connects_view.h"
#include "sinks/containers_view.h"
#include "sinks/finding_view.h"
#include "sinks/json_values.h"
#include "sinks/json_writer.h"
#include "sinks/snapshot_view.h"
#include "sinks/source_view.h"

namespace sockeye {

namespace {

Json age_or_null(const std::optional<std::uint64_t>& age_ns) {
    return age_ns.has_value() ? rounded_or_null(static_cast<double>(*age_ns) / 1e9) : Json();
}

Json all_states(const StateCounts& counts) {
    Json states = Json::object();
    for (const std::uint8_t state : shown_tcp_states()) {
        states[std::string(tcp_state_name(state))] = count_of(counts, state);
    }
    return states;
}

Json occupied_states(const StateCounts& counts) {
    Json states = Json::object();
    for (const std::uint8_t state : shown_tcp_states()) {
        if (count_of(counts, state) != 0) states[std::string(tcp_state_name(state))] = count_of(counts, state);
    }
    return states;
}

Json tcp_of(const Snapshot& snapshot) {
    Json json;
    json["states"] = all_states(snapshot.tcp_states);
    json["by_netns"] = Json::object();
    for (const auto& [netns, counts] : snapshot.tcp_states_by_netns) {
        json["by_netns"][std::to_string(netns)] = occupied_states(counts);
    }
    json["time_wait"] = snapshot.time_wait_exact ? "exact" : "inferred";
    json["time_wait_over_limit"] = time_wait_over_limit(snapshot);
    json["time_wait_ledger"] = {{"existed", snapshot.time_wait.existed},
                                {"entered", snapshot.time_wait.entered},
                                {"left", snapshot.time_wait.left},
                                {"present", snapshot.tcp_states[WIRE_TCP_TIME_WAIT]}};
    return json;
}

Json descriptors_of(const FdCounts& fds) {
    Json json;
    json["open"] = or_null(fds.open);
    json["peak"] = or_null(fds.peak);
    json["soft_limit"] = or_null(fds.soft_limit);
    json["hard_limit"] = or_null(fds.hard_limit);
    json["highest"] = or_null(fds.highest);
    const bool kinds_read = !fds.by_kind.empty() || fds.open == 0U;
    json["by_kind"] = kinds_read ? Json(fds.by_kind) : Json();
    json["by_kind_age_s"] = kinds_read ? age_or_null(fds.kinds_age_ns) : Json();
    if (fds.table_of != 0) json["table_of"] = fds.table_of;
    return json;
}

Json all_descriptors(const FdTotals& totals) {
    Json json;
    const bool counted = totals.tables != 0;
    json["open"] = counted ? Json(totals.open) : Json();
    json["tables"] = counted ? Json(totals.tables) : Json();
    json["by_kind"] = totals.kinds_age_ns.has_value() ? Json(totals.by_kind) : Json();
    json["by_kind_age_s"] = age_or_null(totals.kinds_age_ns);
    return json;
}

Json processes_of(const Snapshot& snapshot) {
    Json list = Json::array();
    for (const ProcessRow& row : snapshot.processes) {
        Json json;
        json["pid"] = row.pid;
        if (row.ns_pid != 0) json["ns_pid"] = row.ns_pid;
        json["comm"] = text_or_null(row.comm.view());
        if (!row.alive) json["exited"] = true;
        json["cgroup"] = text_or_null(row.cgroup);
        json["container"] = text_or_null(row.container);
        json["fds"] = descriptors_of(row.fds);
        json["tcp"] = occupied_states(row.tcp);
        json["time_wait_made"] = row.time_wait_made;
        json["time_wait_closed"] = row.time_wait_closed;
        list.push_back(std::move(json));
    }
    return list;
}

Json listeners_of(const Snapshot& snapshot) {
    Json list = Json::array();
    for (const ListenerRow& row : snapshot.listeners) {
        const EndpointView local = local_endpoint(row.socket.tuple);
        list.push_back({{"netns", row.socket.netns},
                        {"laddr", address_or_null(local)},
                        {"lport", port_or_null(local)},
                        {"pid", row.owner.pid == 0 ? Json() : Json(row.owner.pid)},
                        {"comm", text_or_null(row.owner.comm.view())},
                        {"accept_queue", row.accept_queue},
                        {"accept_queue_max", row.accept_queue_max},
                        {"overflows", or_null(row.overflows)}});
    }
    return list;
}

Json refused_of(const Snapshot& snapshot) {
    Json list = Json::array();
    for (const NetnsRefused& refused : snapshot.netns_refused) {
        list.push_back({{"netns", refused.netns == 0 ? Json() : Json(refused.netns)},
                        {"name", text_or_null(refused.name)},
                        {"error", std::string(errno_name(refused.error))}});
    }
    return list;
}

Json self_of(const SelfCost& self) {
    Json json;
    json["cpu_s"] = rounded_or_null(self.cpu_s);
    json["rss_bytes"] = self.rss_bytes;
    json["bpf_ns_per_event"] = Json::object();
    for (const ProgramCost& program : self.programs) {
        json["bpf_ns_per_event"][program.program] = rounded_or_null(program.ns_per_run);
    }
    json["events"] = self.events;
    return json;
}

using Holders = std::span<const SocketHolder>;

Holders holders_of(const Snapshot& snapshot, const SocketRow& row) {
    return Holders(snapshot.holders).subspan(row.first_holder, row.holders);
}

constexpr std::size_t kSocketBytes = 1024, kHolderBytes = 192;
constexpr std::size_t kPieceBytes = 64 * 1024;

// A process with several descriptors is one object; its descriptors stand together.
char* write_holders(char* out, Holders holders, TimestampWriter& timestamps) {
    *out++ = '[';
    for (std::size_t at = 0; at < holders.size(); ++at) {
        const bool next_process = at == 0 || holders[at].pid != holders[at - 1].pid;
        if (!next_process) {
            *out++ = ',';
        } else {
            if (at > 0) out = write_text(out, "]},");
            out = write_text(out, R"({"pid":)");
            out = write_json_value(out, FieldValue{std::uint64_t{holders[at].pid}}, timestamps);
            out = write_text(out, R"(,"comm":)");
            const std::string_view comm = holders[at].comm.view();
            out = write_json_value(out, comm.empty() ? FieldValue{} : FieldValue{comm}, timestamps);
            out = write_text(out, R"(,"fds":[)");
        }
        out = write_json_value(out, FieldValue{std::int64_t{holders[at].fd}}, timestamps);
    }
    return write_text(out, holders.empty() ? "]" : "]}]");
}

// Sockets can be a million: they are written one by one, not built as a tree.
// `now_ns`: the snapshot's wall time.
char* write_socket(char* out, const SocketRow& row, Holders holders, std::int64_t now_ns,
                   TimestampWriter& timestamps) {
    Event event;
    event.socket = row.socket;
    char* const begin = out;
    const auto write = [&](const JsonKey& key, const FieldValue& value) {
        out = write_text(out, {key.text.data(), key.size});
        out = write_json_value(out, value, timestamps);
    };
    const auto text = [](std::string_view view) { return view.empty() ? FieldValue{} : FieldValue{view}; };
    const auto queue = [](std::uint32_t length) {
        return known_queue(length).has_value() ? FieldValue{std::uint64_t{length}} : FieldValue{};
    };
    for (const Field& field : socket_fields()) write(field.key, field.get(event));
    write(JsonKey("state"), text(tcp_state_name(row.state)));
    write(JsonKey("state_ms"), row.state_age_ns.has_value()
                                   ? FieldValue{Milliseconds{static_cast<std::int64_t>(*row.state_age_ns)}}
                                   : FieldValue{});
    write(JsonKey("pid"), row.owner.pid == 0 ? FieldValue{} : FieldValue{std::uint64_t{row.owner.pid}});
    write(JsonKey("comm"), text(row.owner.comm.view()));
    write(JsonKey("inode"), row.inode == 0 ? FieldValue{} : FieldValue{row.inode});
    write(JsonKey("receive_queue"), queue(row.receive_queue));
    write(JsonKey("send_queue"), queue(row.send_queue));
    write(JsonKey("orphan"), row.orphan);
    out = write_text(out, R"(,"holders":)");
    out = row.holders_known ? write_holders(out, holders, timestamps) : write_text(out, "null");
    if (row.state == WIRE_TCP_TIME_WAIT || row.state == WIRE_TCP_FIN_WAIT2) {
        write(JsonKey("entered"), row.state_age_ns.has_value()
                                      ? FieldValue{WallTime{now_ns - static_cast<std::int64_t>(*row.state_age_ns)}}
                                      : FieldValue{});
        write(JsonKey("closed_by"),
              row.closed_by == ClosedBy::unknown ? FieldValue{} : FieldValue{name_of(row.closed_by)});
        write(JsonKey("closer_pid"),
              row.closer.pid == 0 ? FieldValue{} : FieldValue{std::uint64_t{row.closer.pid}});
        write(JsonKey("closer_comm"), text(row.closer.comm.view()));
    }
    *begin = '{';  // in place of the first key's comma
    *out++ = '}';
    return out;
}

class ObjectWriter {
public:
    ObjectWriter(Output& output, SnapshotJson::Layout layout) : output_(output), layout_(layout) {}

    void add(std::string_view key, const Json& value) {
        begin_member(key);
        const int indent = indented() ? 2 : -1;
        for (const char letter : value.dump(indent, ' ', false, Json::error_handler_t::replace)) {
            text_ += letter;
            if (letter == '\n') text_ += "  ";
        }
    }
    void add_sockets(const Snapshot& snapshot, std::int64_t now_ns, TimestampWriter& timestamps) {
        const std::vector<SocketRow>& sockets = snapshot.sockets;
        begin_member("sockets");
        text_ += '[';
        for (std::size_t at = 0; at < sockets.size(); ++at) {
            if (at > 0) text_ += ',';
            if (indented()) text_ += "\n    ";
            const std::size_t used = text_.size();
            const Holders holders = holders_of(snapshot, sockets[at]);
            text_.resize(used + kSocketBytes + holders.size() * kHolderBytes);
            const char* end = write_socket(text_.data() + used, sockets[at], holders, now_ns, timestamps);
            text_.resize(static_cast<std::size_t>(end - text_.data()));
            hand_over_lines();
        }
        text_ += indented() && !sockets.empty() ? "\n  ]" : "]";
    }
    void end() {
        text_ += indented() ? "\n}\n" : "}\n";
        output_.write(text_);
    }

private:
    [[nodiscard]] bool indented() const { return layout_ == SnapshotJson::Layout::indented; }
    // A list of a million sockets never lies in memory as a whole, unless it is to be one line.
    void hand_over_lines() {
        if (!indented() || text_.size() < kPieceBytes) return;
        const std::size_t lines = text_.rfind('\n') + 1;
        output_.write(std::string_view(text_).substr(0, lines));
        text_.erase(0, lines);
    }
    void begin_member(std::string_view key) {
        text_ += is_first_ ? '{' : ',';
        is_first_ = false;
        if (indented()) text_ += "\n  ";
        text_ += '"';
        text_ += key;
        text_ += indented() ? "\": " : "\":";
    }

    Output& output_;
    SnapshotJson::Layout layout_;
    std::string text_;
    bool is_first_ = true;
};

}  // namespace

void SnapshotJson::write(const Snapshot& snapshot, std::span<const Finding> findings) {
    ObjectWriter object(output_, layout_);
    const std::int64_t now_ns = wall_time_ns(snapshot.ktime_ns, snapshot.wall_offset_ns);
    object.add("time", format_rfc3339(now_ns));
    object.add("host", text_or_null(snapshot.host));
    object.add("kernel", text_or_null(snapshot.kernel));
    object.add("source", name_of(snapshot.source));
    object.add("blind_to", snapshot.blind_to);
    object.add("limits", limits_of(snapshot));
    object.add("tcp", tcp_of(snapshot));
    object.add("netns_unread", snapshot.netns_unread);
    object.add("netns_refused", refused_of(snapshot));
    if (sockets_ == Sockets::listed) object.add_sockets(snapshot, now_ns, timestamps_);
    object.add("descriptors", all_descriptors(snapshot.descriptors));
    object.add("processes", processes_of(snapshot));
    object.add("containers", container_descriptors_json(snapshot));
    object.add("destinations", destinations_of(snapshot));
    object.add("listeners", listeners_of(snapshot));
    object.add("connects", connects_json(snapshot));
    object.add("findings", findings_json(findings, snapshot.wall_offset_ns));
    object.add("lost", snapshot.lost);
    object.add("minisocks", minisocks_of(snapshot));
    object.add("drift", {{"sockets", snapshot.drift.sockets}, {"fds", snapshot.drift.fds}});
    object.add("self", self_of(snapshot.self));
    object.end();
}

}  // namespace sockeye
