// SPDX-License-Identifier: GPL-2.0-only
// Turns counters into lost, program_stats and self_stats records.
#include "probes/statistics.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "probes/ktime.h"
#include "probes/self_cost.h"

namespace sockeye {
namespace {

struct NamedIndex {
    const char* name;
    unsigned index;
};
constexpr NamedIndex kHookKinds[] = {
#define X(name, number, type) {#name, number},
    WIRE_KINDS(X)
#undef X
};
constexpr NamedIndex kLossMaps[] = {
#define X(name, constant, number) {"map:" #name, number},
    LOSS_MAPS(X)
#undef X
};

template <typename Record>
Record begin_record(wire_kind kind) {
    Record record{};
    record.header.kind = static_cast<se_u16>(kind);
    record.header.size = sizeof(record);
    record.header.ktime_ns = ktime_now();
    return record;
}

template <std::size_t N>
void set_name(char (&to)[N], std::string_view name) {
    std::memcpy(to, name.data(), std::min(name.size(), N - 1));
}

// The counters grow while we look.
std::uint64_t read_counter(const se_u64& counter) { return __atomic_load_n(&counter, __ATOMIC_RELAXED); }

// What bpf_obj_get_info_by_fd() says of a kprobe's link from 6.7 on; include/uapi/linux/bpf.h, struct
// bpf_link_info, of which build hosts may have an older one. `missed`: skipped because another kprobe was
// being handled on the CPU.
struct KprobeLinkInfo {
    std::uint32_t type, id, program_id, padding;
    std::uint32_t event_type, event_padding;
    std::uint64_t function_name;
    std::uint32_t name_length, offset;
    std::uint64_t address, missed, cookie;
};
constexpr std::uint32_t kLinkIsPerfEvent = 7, kEventIsKprobe = 3, kEventIsKretprobe = 4;

std::uint64_t missed_by_kprobe(int link) {
    KprobeLinkInfo info{};
    std::uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link, &info, &size) != 0) return 0;  // before 5.15 there is no such link
    const bool is_kprobe = info.event_type == kEventIsKprobe || info.event_type == kEventIsKretprobe;
    return info.type == kLinkIsPerfEvent && is_kprobe ? info.missed : 0;
}

// What a second or third chance misses was seen by the first, or is missing in the first's account. Hardly a run of
// time_wait_overflow has anything to tell; an overflow that it missed is told as an inferred TIME_WAIT, which those
// commands correct that read the tables at each tick (trace reads none). Of refusals one is like the next.
bool loses_nothing(std::string_view program) {
    return program.ends_with("_chance") || program == "time_wait_overflow" || program.starts_with("fd_refused_") ||
           program.starts_with("file_refused_");
}

// How much of what this program was too busy for has been written by its second chance.
std::uint64_t caught_for(std::string_view program, const loss_counters& losses) {
    if (program == "tcp_state_btf" || program == "tcp_state_classic") return read_counter(losses.second_chance_hits);
    static constexpr std::pair<std::string_view, wire_time_wait_action> kMinisockPrograms[] = {
        {"time_wait_enter_", WIRE_TIME_WAIT_ENTER},
        {"time_wait_turn_", WIRE_TIME_WAIT_TURN},
        {"time_wait_leave_", WIRE_TIME_WAIT_LEAVE}};
    for (const auto& [prefix, action] : kMinisockPrograms)
        if (program.starts_with(prefix)) return read_counter(losses.minisocks_caught[action]);
    return 0;
}

}  // namespace

void ProbeStatistics::append(const LoadedPrograms& programs, const RingReader& ring, RecordBatch& batch) {
    const std::map<std::string, std::uint64_t> misses = append_programs(programs, batch);
    // Read after the misses: a change that the second program caught is never told as lost.
    const loss_counters& losses = programs.skeleton->bss->losses;
    for (const auto& [name, count] : misses)
        if (!loses_nothing(name))
            append_lost("skipped:" + name, count - std::min(count, caught_for(name, losses)), batch);
    for (const NamedIndex& kind : kHookKinds)
        if (kind.index < WIRE_HOOK_KIND_MAX) append_lost(kind.name, read_counter(losses.reserve_failed[kind.index]), batch);
    for (const NamedIndex& map : kLossMaps) append_lost(map.name, read_counter(losses.map_failed[map.index]), batch);
    append_lost("malformed", ring.malformed(), batch);

    self_stats_event self = read_self_cost();
    self.ring_bytes = programs.ring_bytes;
    self.ring_high_bytes = ring.high_bytes();
    append_record(batch, self);
}

void ProbeStatistics::append_lost(const std::string& loss_class, std::uint64_t total, RecordBatch& batch) {
    std::uint64_t& told = told_[loss_class];
    if (total <= told) return;
    auto record = begin_record<lost_event>(WIRE_lost);
    record.count = total - told;
    set_name(record.loss_class, loss_class);
    append_record(batch, record);
    told = total;
}

std::map<std::string, std::uint64_t> ProbeStatistics::append_programs(const LoadedPrograms& programs,
                                                                      RecordBatch& batch) const {
    std::map<std::string, std::uint64_t> misses;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, programs.skeleton->obj) {
        const int fd = bpf_program__fd(program);
        if (fd < 0) continue;  // not loaded
        bpf_prog_info info{};
        std::uint32_t size = sizeof(info);
        if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) continue;
        auto record = begin_record<program_stats_event>(WIRE_program_stats);
        record.run_ns = info.run_time_ns;
        record.run_count = info.run_cnt;
        record.recursion_misses = info.recursion_misses;  // 0 before 5.12, which does not count them
        set_name(record.name, bpf_program__name(program));
        append_record(batch, record);
        misses.emplace(bpf_program__name(program), info.recursion_misses);
    }
    for (const KprobeLink& kprobe : programs.kprobes) misses[std::string(kprobe.program)] += missed_by_kprobe(kprobe.link);
    return misses;
}

}  // namespace sockeye
