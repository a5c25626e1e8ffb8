// SPDX-License-Identifier: GPL-2.0-only
// How a recording stands in its file (numbers in the byte order of the host that wrote it; the file header tells which):
//
//   file      = file_header block* end_block
//   block     = block_header payload
//   payload   = whole wire records (include/sockeye/event.h), one behind the other, as one zstd frame
//   end_block = block_header (records = 0) index tail
//   index     = RecordingIndexEntry*, as one zstd frame
//
// Each block carries the CRC-32 (zlib's) of its own header and of its payload as it stands in the file, its number in the
// file, and how many records came before it. After damage the reader looks for the next block header whose checksum is right,
// so that damage costs the blocks that it touches, and knows how many records those held. Where the end block is missing the
// recording was cut off. The index has each block, or of a long recording every 2nd, 4th …; the tail, the file's last bytes,
// leads to it. Changes of the records raise EVENT_ABI_VERSION, changes of what stands here raise kRecordingFormat; readers
// refuse what they do not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sockeye/event.h"

namespace sockeye {

inline constexpr std::uint32_t kRecordingFormat = 2;
inline constexpr std::uint64_t kRecordingMagic = 0x0a65796b636f73aaULL;  // "\xaasockey\n" on little endian
inline constexpr std::uint32_t kRecordingByteOrder = 0x01020304;
inline constexpr std::uint64_t kBlockMarker = 0xb10cb10c5ecab10cULL;

struct RecordingFileHeader {
    std::uint64_t magic = kRecordingMagic;
    std::uint32_t byte_order = kRecordingByteOrder;
    std::uint32_t format = kRecordingFormat;
    std::uint32_t abi_version = EVENT_ABI_VERSION;
    std::uint32_t reserved = 0;
    std::uint32_t reserved2 = 0;
    std::uint32_t crc = 0;  // of the bytes before it
};
static_assert(sizeof(RecordingFileHeader) == 32);

struct RecordingBlockHeader {
    std::uint64_t marker = kBlockMarker;
    std::uint64_t records_before = 0;  // in all blocks before this one
    std::uint64_t first_ktime_ns = 0;  // of its first record
    std::uint32_t number = 0;          // of the block, from 0
    std::uint32_t records = 0;         // 0: the end block
    std::uint32_t payload_bytes = 0;   // in the file; at most kPayloadMaxBytes
    std::uint32_t raw_bytes = 0;       // unpacked; at most kBlockMaxBytes
    std::uint32_t payload_crc = 0;
    std::uint32_t abi_version = EVENT_ABI_VERSION;
    std::uint32_t reserved = 0;
    std::uint32_t crc = 0;  // of the bytes before it
};
static_assert(sizeof(RecordingBlockHeader) == 56);

struct RecordingIndexEntry {
    std::uint64_t offset = 0;          // of the block, in the file
    std::uint64_t first_ktime_ns = 0;  // as its header
    std::uint64_t records_before = 0;
};
static_assert(sizeof(RecordingIndexEntry) == 24);

struct RecordingTail {
    std::uint32_t end_block_bytes = 0;  // the whole end block, this tail included
    std::uint32_t marker = 0x7a11ab1e;
};
static_assert(sizeof(RecordingTail) == 8);

struct RecordingIndex {
    std::uint64_t records = 0, blocks = 0;
    std::uint64_t end_offset = 0;  // of the end block
    std::vector<RecordingIndexEntry> entries;
};

// What damage of one byte costs. Of 30,000 connections' records blocks of 64 KiB come to 12.4 % of their size, of 256 KiB to
// 12.0 %.
inline constexpr std::size_t kBlockTargetBytes = 64 * 1024;
inline constexpr std::size_t kBlockMaxBytes = 1024 * 1024;
inline constexpr std::size_t kPayloadMaxBytes = kBlockMaxBytes + kBlockMaxBytes / 128;  // zstd's bound is below it
inline constexpr std::size_t kIndexMaxEntries = 8192;
static_assert(kIndexMaxEntries * sizeof(RecordingIndexEntry) <= kBlockMaxBytes);

}  // namespace sockeye
