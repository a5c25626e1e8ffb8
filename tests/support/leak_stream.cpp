// SPDX-License-Identifier: GPL-2.0-only
#include "support/leak_stream.h"

#include <cerrno>

#include "events/feature.h"
#include "support/record_builder.h"

namespace sockeye::test {

namespace {

constexpr std::int64_t kWallOffset = 1'790'000'000LL * static_cast<std::int64_t>(kSecond);
constexpr std::uint32_t kClient = 4242;
constexpr std::uint64_t kLeakStack = 0x101, kOtherStack = 0x103, kLeakWay = 0x201, kOtherWay = 0x203;

struct Stream {
    RecordBuilder builder;
    RecordBatch batch;

    template <typename T>
    void add(const T& record) {
        append_record(batch, record);
    }
    // What was built since the last call.
    void flush() {
        const RecordBatch built = builder.take();
        batch.insert(batch.end(), built.begin(), built.end());
    }
    template <typename T>
    T begin(wire_kind kind, std::uint64_t ktime_ns) {
        T record{};
        record.header.kind = static_cast<se_u16>(kind);
        record.header.size = sizeof(T);
        record.header.ktime_ns = ktime_ns;
        record.header.tgid = record.header.tid = kClient;
        return record;
    }
    void frame(std::uint64_t ktime_ns, std::uint64_t way, se_u16 index, const char* function, const char* module, se_u32 line) {
        auto record = begin<stack_frame_event>(WIRE_stack_frame, ktime_ns);
        record.frames = way;
        record.index = index;
        record.count = 3;
        record.line = line;
        record.offset = 0x1000U + line;
        record.address = 0x55550000U + record.offset;
        copy_text(record.function, function);
        copy_text(record.module, module);
        if (line != 0) copy_text(record.source, "/src/client.c");
        copy_text(record.build_id, "8c01");
        add(record);
    }
    void way(std::uint64_t ktime_ns, std::uint64_t stack, std::uint64_t way, const char* function, se_u32 line) {
        flush();
        frame(ktime_ns, way, 0, "__socket", "/usr/lib/libc.so.6", 0);
        frame(ktime_ns, way, 1, function, "/opt/client", line);
        frame(ktime_ns, way, 2, "main", "/opt/client", 60);
        auto known = begin<stack_event>(WIRE_stack, ktime_ns);
        known.stack = stack;
        known.frames = way;
        add(known);
    }
};

}  // namespace

RecordBatch leak_stream() {
    Stream stream;
    RecordBuilder& records = stream.builder;
    records.at(100 * kSecond);
    records.run(0x7ff, 1, 5000).wall_offset_ns = kWallOffset;
    records.host_stats();
    records.sweep(SWEEP_PROCESSES, SWEEP_BEGIN);
    records.existing_process(kClient, "client", 20, 4).fds_soft_limit = 84;
    records.sweep(SWEEP_PROCESSES, SWEEP_END);
    records.tick(TICK_READY).wall_offset_ns = kWallOffset;
    std::int32_t fd = 4;
    for (std::uint64_t second = 100; second < 140; ++second) {
        for (int half = 0; half < 2; ++half) {
            records.at(second * kSecond + static_cast<std::uint64_t>(half) * kSecond / 2 + kMillisecond).by(kClient, "client");
            records.fd_change(WIRE_fd_open, fd, FD_KIND_socket, FD_VIA_socket).stack = kLeakStack;
            records.after(kMillisecond);
            records.fd_change(WIRE_fd_open, ++fd, FD_KIND_socket, FD_VIA_socket).stack = kOtherStack;
            records.after(kMillisecond);
            records.fd_change(WIRE_fd_close, fd, FD_KIND_socket, FD_VIA_close);
        }
        if (second == 100) {
            stream.way(second * kSecond + 600 * kMillisecond, kLeakStack, kLeakWay, "ask_backup", 23);
            stream.way(second * kSecond + 600 * kMillisecond, kOtherStack, kOtherWay, "ask_cache", 18);
        }
        records.at((second + 1) * kSecond).tick(TICK_INTERVAL).wall_offset_ns = kWallOffset;
    }
    stream.flush();
    auto refused = stream.begin<fd_refused_event>(WIRE_fd_refused, 140 * kSecond + kMillisecond);
    refused.stack = kLeakStack;
    refused.call = 41;
    refused.error = EMFILE;
    copy_text(refused.comm, "client");
    stream.add(refused);
    records.at(141 * kSecond).tick(TICK_INTERVAL).wall_offset_ns = kWallOffset;
    records.after(kMillisecond).tick(TICK_END).wall_offset_ns = kWallOffset;
    stream.flush();
    return stream.batch;
}

}  // namespace sockeye::test
