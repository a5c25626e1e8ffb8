// SPDX-License-Identifier: GPL-2.0-only
// Recordings: a stream of wire records in a file. RecordingWriter writes one, RecordingReader is the
// EventSource that reads it back, damaged or cut off as it may be, and says what could not be read.
//
// The format (numbers in the byte order of the host that wrote it; the file header tells which):
//
//   file    = file_header block* end_block
//   block   = block_header payload
//   payload = whole wire records (include/sockeye/event.h), one behind the other
//
// Each block carries the CRC-32 (zlib's) of its own header and of its payload, its number in the file, and how
// many records came before it. After damage the reader looks for the next block header whose checksum is right,
// so that damage costs the blocks that it touches, and knows how many records those held. The end block has no
// payload; where it is missing the recording was cut off. Changes of the records raise EVENT_ABI_VERSION,
// changes of what stands here raise kRecordingFormat; readers refuse what they do not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "events/source.h"
#include "sockeye/event.h"

namespace sockeye {

inline constexpr std::uint32_t kRecordingFormat = 1;
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
    std::uint32_t number = 0;          // of the block, from 0
    std::uint32_t records = 0;
    std::uint32_t payload_bytes = 0;  // at most kBlockMaxBytes; 0: the end block
    std::uint32_t payload_crc = 0;
    std::uint32_t abi_version = EVENT_ABI_VERSION;
    std::uint32_t crc = 0;  // of the bytes before it
};
static_assert(sizeof(RecordingBlockHeader) == 40);

inline constexpr std::size_t kBlockTargetBytes = 64 * 1024;  // what damage of one byte costs
inline constexpr std::size_t kBlockMaxBytes = 1024 * 1024;

class RecordingWriter {
public:
    // Creates or overwrites `path`.
    static Result<RecordingWriter> create(const std::string& path);

    // Takes whole records; writes full blocks.
    Result<void> append(std::span<const std::byte> records);
    // Writes what is pending as a (short) block: what was appended until now survives our death.
    Result<void> flush();
    // Writes the end block and makes everything durable. Nothing may be appended after it.
    Result<void> finish();

    [[nodiscard]] std::uint64_t records() const { return records_written_ + pending_records_; }
    [[nodiscard]] std::uint64_t bytes() const { return file_bytes_ + pending_.size(); }

private:
    RecordingWriter(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
    Result<void> write_block();
    Result<void> write_all(std::span<const std::byte> bytes);

    std::string path_;
    UniqueFd fd_;
    std::vector<std::byte> pending_;
    std::uint32_t pending_records_ = 0;
    std::uint32_t blocks_ = 0;
    std::uint64_t records_written_ = 0;
    std::uint64_t file_bytes_ = 0;  // whole blocks
};

// A part of a recording that could not be read.
struct RecordingDamage {
    std::uint64_t offset = 0;  // in the file
    std::uint64_t bytes = 0;   // from there that were skipped; 0: nothing stands there, the file just ends
    std::string reason;
};
// "at offset 4096: 131112 bytes lost: checksum of the block's records is wrong".
std::string describe(const RecordingDamage& damage);

class RecordingReader final : public EventSource {
public:
    // Errors: no such file, not a recording, made by another version or byte order.
    static Result<std::unique_ptr<RecordingReader>> open(const std::string& path);

    // When the last record was made, from the end of the file: of a long recording only the last block is read. Absent:
    // not known, or no regular file.
    static std::optional<std::uint64_t> last_ktime_ns(const std::string& path);

    // Appends the records of one block. Behind damage it first appends a `lost` record of the class "recording"
    // with the number of records that the lost blocks held. An unreadable disk is damage, too, not an error.
    Result<SourceStatus> read(RecordBatch& batch) override;

    // Complete once read() has said `end`; in the order of the file.
    [[nodiscard]] std::span<const RecordingDamage> damage() const { return damage_; }
    [[nodiscard]] std::uint64_t bytes_lost() const;

private:
    explicit RecordingReader(UniqueFd fd) : fd_(std::move(fd)) {}

    std::span<const std::byte> window(std::size_t bytes);
    void skip(std::size_t bytes);
    void take_block(RecordBatch& batch);
    void take_records(const RecordingBlockHeader& header, std::span<const std::byte> payload, RecordBatch& batch);
    void find_next_block(std::string reason);

    UniqueFd fd_;
    std::vector<std::byte> buffer_;  // bytes read from the file and not yet consumed, from buffer_at_ on
    std::size_t buffer_at_ = 0;
    std::uint64_t offset_ = 0;  // in the file, of buffer_[buffer_at_]
    bool file_ended_ = false;
    bool end_block_seen_ = false;
    bool finished_ = false;
    std::uint32_t next_number_ = 0;
    std::uint64_t records_expected_ = 0;  // records_before of the next block if nothing is missing
    std::uint64_t last_ktime_ns_ = 0;     // of the last record read
    std::vector<RecordingDamage> damage_;
};

}  // namespace sockeye
