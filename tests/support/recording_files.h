// SPDX-License-Identifier: GPL-2.0-only
// Recordings in memory, small ones whose blocks are known and large ones that do not compress.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <string>

#include "events/recording.h"
#include "support/record_builder.h"

namespace sockeye::test {

// A file that only this test sees, in memory.
struct MemoryFile {
    UniqueFd fd{::memfd_create("recording", MFD_CLOEXEC)};
    [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd.get()); }
    [[nodiscard]] std::vector<std::byte> content() const {
        std::vector<std::byte> bytes(static_cast<std::size_t>(::lseek(fd.get(), 0, SEEK_END)));
        REQUIRE(::pread(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
        return bytes;
    }
    void set(std::span<const std::byte> bytes) const {
        REQUIRE(::ftruncate(fd.get(), 0) == 0);
        REQUIRE(::pwrite(fd.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    }
};

// Records that hardly get smaller.
inline RecordBatch random_records(unsigned count, std::uint64_t& last_ktime_ns) {
    std::mt19937_64 random(7);
    RecordBuilder builder;
    for (unsigned number = 0; number < count; ++number) {
        tcp_state_event& record = builder.after(1000).tcp_state(random(), tcp_tuple("10.0.0.1", 1, "10.0.0.2", 80),
                                                               WIRE_TCP_ESTABLISHED, WIRE_TCP_CLOSE_WAIT);
        for (auto* address : {record.tuple.laddr, record.tuple.raddr})
            for (unsigned byte = 0; byte < 16; ++byte) address[byte] = static_cast<se_u8>(random());
    }
    last_ktime_ns = builder.now();
    return builder.take();
}

// The end block stands from there to the end of the file.
inline std::size_t end_block_of(std::span<const std::byte> bytes) {
    RecordingTail tail;
    std::memcpy(&tail, bytes.data() + bytes.size() - sizeof(tail), sizeof(tail));
    return bytes.size() - tail.end_block_bytes;
}

inline constexpr std::size_t kFile = sizeof(RecordingFileHeader);

// Three blocks of two, one and one record, and the end block.
struct SmallRecording {
    std::vector<RecordBatch> blocks;
    std::vector<std::size_t> offsets;  // of the blocks, the end block's last
    std::vector<std::byte> bytes;

    SmallRecording() {
        RecordBuilder builder;
        builder.at(1000).tick();
        builder.at(2000).lost("tcp_state", 3);
        blocks.push_back(builder.take());
        builder.at(3000).tick();
        blocks.push_back(builder.take());
        builder.at(4000).tick(TICK_END);
        blocks.push_back(builder.take());

        const MemoryFile file;
        Result<RecordingWriter> writer = RecordingWriter::create(file.path());
        REQUIRE(writer);
        for (const RecordBatch& block : blocks) {
            offsets.push_back(offsets.empty() ? kFile : writer->bytes());  // the header comes with the first block
            REQUIRE(writer->append(block));
            REQUIRE(writer->flush());
        }
        offsets.push_back(writer->bytes());
        REQUIRE(writer->finish());
        bytes = file.content();
        REQUIRE(end_block_of(bytes) == offsets.back());
    }
};

}  // namespace sockeye::test
