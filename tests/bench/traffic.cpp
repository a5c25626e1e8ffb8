// SPDX-License-Identifier: GPL-2.0-only
// The life of a connection that this host opens and closes first, as hooks report it: five transitions,
// the minisock's entering and leaving, and the full socket's end, which falls together with the entering.
#include "traffic.h"

#include <algorithm>

#include "events/feature.h"

namespace sockeye::bench {
namespace {

constexpr std::uint32_t kNetns = 4026531840;
constexpr std::uint32_t kPorts = 28000, kFirstPort = 32768;
constexpr std::uint32_t kProcesses = 200;
constexpr std::uint64_t kSocketBytes = 2304, kMinisockBytes = 256;  // slab objects of struct tcp_sock …
constexpr std::uint64_t kSockets = 0xffff888100000000, kMinisocks = 0xffff889000000000;

}  // namespace

Traffic::Traffic(std::uint32_t sockets) : lives_(sockets) {
    // The slab hands out addresses in no order of ours.
    for (std::uint32_t number = 0; number < sockets + sockets / 4 + 16; ++number) {
        free_sks_.push_back(kSockets + number * kSocketBytes);
    }
    for (std::size_t i = free_sks_.size() - 1; i > 0; --i) std::swap(free_sks_[i], free_sks_[random() % (i + 1)]);
    // A socket waits 90 s on average from step to step: most TIME_WAITs expire.
    step_ns_ = 90'000'000'000 / sockets;
}

void Traffic::begin(RecordBatch& batch) {
    run_event run{};
    run.header = {.kind = WIRE_run, .size = sizeof(run), .flags = 0, .ktime_ns = ktime_ns_, .tgid = 0, .tid = 0};
    run.features = (FeatureSet(Feature::tcp_state) | Feature::time_wait).bits();
    run.time_wait_hooks = WIRE_HOOKS_MINISOCKS;
    append_record(batch, run);
    for (std::uint32_t number = 0; number < sockets(); ++number) {
        born(number, batch);
        for (std::uint32_t steps = random() % 5; steps > 0; --steps) step(number, batch);
    }
}

void Traffic::append(RecordBatch& batch, std::size_t records) {
    const std::size_t enough = batch.size() + records * sizeof(tcp_state_event);
    while (batch.size() < enough) step(random() % sockets(), batch);
}

void Traffic::step(std::uint32_t number, RecordBatch& batch) {
    Life& life = lives_[number];
    switch (life.step) {
        case Step::syn_sent:
            state(number, WIRE_TCP_SYN_SENT, WIRE_TCP_ESTABLISHED, 0, batch);
            life.step = Step::established;
            break;
        case Step::established:
            state(number, WIRE_TCP_ESTABLISHED, WIRE_TCP_FIN_WAIT1, WIRE_FLAG_PROCESS, batch);
            life.step = Step::fin_wait1;
            break;
        case Step::fin_wait1:
            state(number, WIRE_TCP_FIN_WAIT1, WIRE_TCP_FIN_WAIT2, WIRE_FLAG_SOCK_DEAD, batch);
            life.step = Step::fin_wait2;
            break;
        case Step::fin_wait2:
            time_wait(number, WIRE_TIME_WAIT_ENTER, batch);
            state(number, WIRE_TCP_FIN_WAIT2, WIRE_TCP_CLOSE, WIRE_FLAG_SOCK_DEAD | WIRE_FLAG_SOCK_DONE, batch);
            free_sks_.push_back(life.sk);
            life.step = Step::time_wait;
            break;
        case Step::time_wait:
            time_wait(number, WIRE_TIME_WAIT_LEAVE, batch);
            born(number, batch);
            break;
    }
}

void Traffic::born(std::uint32_t number, RecordBatch& batch) {
    Life& life = lives_[number];
    life.sk = free_sks_.back();
    free_sks_.pop_back();
    life.step = Step::syn_sent;
    state(number, WIRE_TCP_CLOSE, WIRE_TCP_SYN_SENT, WIRE_FLAG_PROCESS, batch);
}

void Traffic::state(std::uint32_t number, std::uint8_t old_state, std::uint8_t new_state, std::uint32_t flags,
                    RecordBatch& batch) {
    tcp_state_event record{};
    const std::uint32_t process = (flags & WIRE_FLAG_PROCESS) != 0 ? 1000 + number % kProcesses : 0;
    record.header = {.kind = WIRE_tcp_state,
                     .size = sizeof(record),
                     .flags = flags,
                     .ktime_ns = ktime_ns_ += step_ns_,
                     .tgid = process,
                     .tid = process};
    record.sk = lives_[number].sk;
    record.tuple = tuple_of(number);
    record.netns = kNetns;
    record.old_state = old_state;
    record.new_state = new_state;
    record.fd = -1;
    if (old_state == WIRE_TCP_CLOSE) {
        record.tuple.lport = 0;
        record.fd = 7;
        std::memcpy(record.comm, "benchmark", 9);
    }
    append_record(batch, record);
}

void Traffic::time_wait(std::uint32_t number, std::uint8_t action, RecordBatch& batch) {
    time_wait_event record{};
    record.header = {.kind = WIRE_time_wait,
                     .size = sizeof(record),
                     .flags = 0,
                     .ktime_ns = ktime_ns_ += step_ns_,
                     .tgid = 0,
                     .tid = 0};
    if (action == WIRE_TIME_WAIT_ENTER) record.sk = lives_[number].sk;
    record.minisock = kMinisocks + number * kMinisockBytes;
    record.tuple = tuple_of(number);
    record.netns = kNetns;
    record.action = action;
    record.substate = WIRE_TCP_TIME_WAIT;
    append_record(batch, record);
}

socket_tuple Traffic::tuple_of(std::uint32_t number) const {
    socket_tuple tuple{};
    // Many destinations: enough that each has ports left, and 64 at least.
    const std::uint32_t destinations = std::max<std::uint32_t>(64, sockets() / (kPorts / 2));
    const std::uint32_t destination = number % destinations;
    const se_u8 local[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
    const se_u8 remote[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 1, static_cast<se_u8>(destination >> 8),
                              static_cast<se_u8>(destination)};
    std::memcpy(tuple.laddr, local, sizeof(local));
    std::memcpy(tuple.raddr, remote, sizeof(remote));
    tuple.lport = static_cast<se_u16>(kFirstPort + number / destinations);
    tuple.rport = 443;
    tuple.family = WIRE_FAMILY_IPV4;
    tuple.protocol = 6;
    tuple.type = 1;
    return tuple;
}

std::uint32_t Traffic::random() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>(state_ >> 32);
}

}  // namespace sockeye::bench
