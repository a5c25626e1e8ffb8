// SPDX-License-Identifier: GPL-2.0-only
// Recordings: a stream of wire records in a file. RecordingWriter writes one, RecordingReader is the
// EventSource that reads it back, damaged or cut off as it may be, and says what could not be read.
//
// The format: recording_format.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "events/compression.h"
#include "events/recording_format.h"
#include "events/source.h"
#include "sockeye/event.h"

namespace sockeye {

class RecordingWriter {
public:
    // Creates `path`, or opens it to be overwritten: what it holds stays until the first block is written. Errors name
    // `argument`, by which the user gave the path.
    static Result<RecordingWriter> create(const std::string& path, std::string_view argument = "FILE");

    // Takes whole records; writes full blocks, compressed.
    Result<void> append(std::span<const std::byte> records);
    // Writes what is pending as a (short) block: what was appended until now survives our death.
    Result<void> flush();
    // Writes the end block with the index and makes everything durable. Nothing may be appended after it.
    Result<void> finish();

    // Takes away the file if it was made for this and nothing was recorded into it. What there was before is left.
    void discard_if_empty() const;

    [[nodiscard]] std::uint64_t records() const { return records_written_ + pending_records_; }
    // Of the file, without what is pending.
    [[nodiscard]] std::uint64_t bytes() const { return file_bytes_; }

private:
    RecordingWriter(std::string path, UniqueFd fd, bool is_new)
        : path_(std::move(path)), fd_(std::move(fd)), is_new_(is_new) {}
    // Empties the file and writes its header, if that has not been done.
    Result<void> begin();
    Result<void> write_block();
    Result<void> write_end();
    Result<void> write_sealed(RecordingBlockHeader header);
    Result<void> write_all(std::span<const std::byte> bytes);
    void index_block(const RecordingIndexEntry& entry);

    std::string path_;
    UniqueFd fd_;
    bool is_new_;  // there was no such file
    Compressor compressor_;
    std::vector<std::byte> pending_;  // records of the next block
    std::vector<std::byte> packed_;   // a block as it is written: room for its header, then its payload
    std::vector<RecordingIndexEntry> index_;
    std::uint32_t index_stride_ = 1;
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

    // Where its blocks are, by time. Absent: cut off or damaged at its end, or no regular file.
    static std::optional<RecordingIndex> index_of(const std::string& path);

    // When the last record was made: of a long recording only the last blocks are read. Absent: not known, or no regular
    // file.
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
    void take_records(const RecordingBlockHeader& header, std::span<const std::byte> records, RecordBatch& batch);
    bool start_at(std::uint64_t offset);
    void find_next_block(std::string reason);

    UniqueFd fd_;
    Decompressor decompressor_;
    std::vector<std::byte> unpacked_;  // the records of one block
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
