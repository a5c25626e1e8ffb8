// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "events/recording.h"
#include "sockeye/event.h"

namespace sockeye {

namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

bool crc_is_right(std::span<const std::byte> bytes, std::uint32_t crc) {
    return ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) == crc;
}

template <typename Header>
bool is_sealed(const Header& header) {
    return crc_is_right(std::as_bytes(std::span(&header, 1)).first(sizeof(header) - sizeof(header.crc)),
                        header.crc);
}

template <typename T>
T load(std::span<const std::byte> bytes) {
    T value{};
    std::memcpy(&value, bytes.data(), sizeof(value));
    return value;
}

// Checksums are no proof against a file made by hand: sizes must add up before anybody follows them. The last
// record's time; nothing if the sizes are wrong.
std::optional<std::uint64_t> walk_records(std::span<const std::byte> payload, std::uint32_t records) {
    std::uint64_t last_ktime_ns = 0;
    for (; !payload.empty() && records > 0; --records) {
        if (payload.size() < sizeof(event_header)) return std::nullopt;
        const auto header = load<event_header>(payload);
        if (header.size < sizeof(event_header) || header.size % 8 != 0 || header.size > payload.size())
            return std::nullopt;
        last_ktime_ns = header.ktime_ns;
        payload = payload.subspan(header.size);
    }
    if (!payload.empty() || records > 0) return std::nullopt;
    return last_ktime_ns;
}

}  // namespace

std::string describe(const RecordingDamage& damage) {
    if (damage.bytes == 0) return fmt::format("at offset {}: {}", damage.offset, damage.reason);
    return fmt::format("at offset {}: {} {} lost: {}", damage.offset, damage.bytes,
                       damage.bytes == 1 ? "byte" : "bytes", damage.reason);
}

Result<std::unique_ptr<RecordingReader>> RecordingReader::open(const std::string& path) {
    // A file that is no recording is a wrong argument; one that is damaged or too new is a failure.
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) {
        return Error(fmt::format("FILE: '{}' cannot be read: {}", path, std::strerror(errno)), ExitCode::usage);
    }
    std::unique_ptr<RecordingReader> reader(new RecordingReader(std::move(fd)));
    const std::span<const std::byte> start = reader->window(sizeof(RecordingFileHeader));
    if (!reader->damage_.empty()) {
        return Error(fmt::format("FILE: '{}' cannot be read: {}", path, reader->damage_.front().reason),
                     ExitCode::usage);
    }
    const std::size_t magic_bytes = std::min(start.size(), sizeof(kRecordingMagic));
    const bool begins_as_one = std::ranges::equal(
        start.first(magic_bytes), std::as_bytes(std::span(&kRecordingMagic, 1)).first(magic_bytes));
    if (begins_as_one && !start.empty() && start.size() < sizeof(RecordingFileHeader)) {
        return Error(
            fmt::format("FILE: '{}' was cut off after {} bytes, before its first record", path, start.size()));
    }
    const auto header = start.size() < sizeof(RecordingFileHeader) ? RecordingFileHeader{.magic = 0}
                                                                   : load<RecordingFileHeader>(start);
    if (header.magic == __builtin_bswap64(kRecordingMagic)) {
        return Error(fmt::format(
            "FILE: '{}' was recorded on a host of the other byte order; replay it on one like that", path));
    }
    if (header.magic != kRecordingMagic) {
        return Error(
            fmt::format("FILE: '{}' is not a recording of sockeye; give one that `sockeye record` wrote", path),
            ExitCode::usage);
    }
    if (!is_sealed(header)) {
        // Every block says its version again, so the file can be read without this header.
        reader->damage_.push_back({0, sizeof(header), "checksum of the file header is wrong"});
    } else if (header.format != kRecordingFormat || header.abi_version != EVENT_ABI_VERSION) {
        return Error(fmt::format(
            "FILE: '{}' has recording format {} with events of version {}; this sockeye reads format {} "
            "with version {}; replay it with the sockeye that recorded it",
            path, header.format, header.abi_version, kRecordingFormat, EVENT_ABI_VERSION));
    }
    reader->skip(sizeof(header));
    return reader;
}

std::optional<RecordingIndex> RecordingReader::index_of(const std::string& path) {
    // A pipe can't be read twice, and opening it again may wait for ever.
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) return std::nullopt;
    const Result<std::unique_ptr<RecordingReader>> opened = open(path);
    const auto size = static_cast<std::uint64_t>(file.st_size);
    constexpr std::size_t kLeast = sizeof(RecordingBlockHeader) + sizeof(RecordingTail);
    if (!opened || size < sizeof(RecordingFileHeader) + kLeast) return std::nullopt;
    RecordingReader& reader = **opened;
    if (!reader.start_at(size - sizeof(RecordingTail))) return std::nullopt;
    std::span<const std::byte> bytes = reader.window(sizeof(RecordingTail));
    if (bytes.size() < sizeof(RecordingTail)) return std::nullopt;
    const auto tail = load<RecordingTail>(bytes);
    if (tail.marker != RecordingTail{}.marker || tail.end_block_bytes < kLeast || tail.end_block_bytes > size ||
        tail.end_block_bytes > kLeast + kPayloadMaxBytes)
        return std::nullopt;
    RecordingIndex index;
    index.end_offset = size - tail.end_block_bytes;
    if (!reader.start_at(index.end_offset)) return std::nullopt;
    bytes = reader.window(tail.end_block_bytes);
    if (bytes.size() < tail.end_block_bytes) return std::nullopt;
    const auto header = load<RecordingBlockHeader>(bytes);
    const std::span<const std::byte> payload = bytes.subspan(sizeof(header));
    if (header.marker != kBlockMarker || !is_sealed(header) || header.records != 0 ||
        header.payload_bytes != payload.size() || !crc_is_right(payload, header.payload_crc) ||
        header.raw_bytes > kBlockMaxBytes || header.raw_bytes % sizeof(RecordingIndexEntry) != 0)
        return std::nullopt;
    index.records = header.records_before;
    index.blocks = header.number;
    index.entries.resize(header.raw_bytes / sizeof(RecordingIndexEntry));
    if (!reader.decompressor_.unpack(payload.first(payload.size() - sizeof(RecordingTail)),
                                     std::as_writable_bytes(std::span(index.entries))))
        return std::nullopt;
    return index;
}

std::optional<std::uint64_t> RecordingReader::last_ktime_ns(const std::string& path) {
    struct stat file {};
    if (::stat(path.c_str(), &file) != 0 || !S_ISREG(file.st_mode)) return std::nullopt;
    const Result<std::unique_ptr<RecordingReader>> opened = open(path);
    if (!opened) return std::nullopt;
    RecordingReader& reader = **opened;
    // Without an index: wherever this begins, a whole block and the end block follow; what stands before them is passed
    // over as damage.
    constexpr off_t kEnd = 2 * (kPayloadMaxBytes + sizeof(RecordingBlockHeader));
    const std::optional<RecordingIndex> index = index_of(path);
    if (index.has_value() && !index->entries.empty()) {
        if (!reader.start_at(index->entries.back().offset)) return std::nullopt;
    } else if (file.st_size > kEnd + static_cast<off_t>(sizeof(RecordingFileHeader))) {
        if (!reader.start_at(static_cast<std::uint64_t>(file.st_size - kEnd))) return std::nullopt;
    }
    RecordBatch batch;
    for (;;) {
        batch.clear();
        const Result<SourceStatus> status = reader.read(batch);
        if (!status || *status == SourceStatus::end) break;
    }
    return reader.last_ktime_ns_ == 0 ? std::nullopt : std::optional(reader.last_ktime_ns_);
}

// Reads on from there.
bool RecordingReader::start_at(std::uint64_t offset) {
    if (::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_SET) < 0) return false;
    buffer_.clear();
    buffer_at_ = 0;
    offset_ = offset;
    file_ended_ = false;
    return true;
}

// The next `bytes` of the file, fewer only at its end.
std::span<const std::byte> RecordingReader::window(std::size_t bytes) {
    while (!file_ended_ && buffer_.size() - buffer_at_ < bytes) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(buffer_at_));
        buffer_at_ = 0;
        const std::size_t held = buffer_.size();
        buffer_.resize(held + std::max(bytes - held, kReadBytes));
        const ssize_t got = ::read(fd_.get(), buffer_.data() + held, buffer_.size() - held);
        const int error = got < 0 ? errno : 0;
        buffer_.resize(held + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (error == EINTR) continue;
        if (error != 0) {
            damage_.push_back({offset_ + held, 0, fmt::format("read error: {}", std::strerror(error))});
        }
        file_ended_ = got <= 0;
    }
    const std::size_t available = buffer_.size() - buffer_at_;
    return std::span<const std::byte>(buffer_).subspan(buffer_at_, std::min(bytes, available));
}

void RecordingReader::skip(std::size_t bytes) {
    buffer_at_ += bytes;
    offset_ += bytes;
}

Result<SourceStatus> RecordingReader::read(RecordBatch& batch) {
    const std::size_t before = batch.size();
    while (!finished_ && batch.size() == before) {
        if (!window(1).empty()) {
            take_block(batch);
            continue;
        }
        finished_ = true;
        const bool told = !damage_.empty() && damage_.back().offset + damage_.back().bytes == offset_;
        if (!end_block_seen_ && !told) {
            damage_.push_back({offset_, 0, "the recording ends here without its end mark: it was cut off"});
        }
    }
    return batch.size() > before ? SourceStatus::records : SourceStatus::end;
}

// Consumes one block; where none stands, everything up to the next one.
void RecordingReader::take_block(RecordBatch& batch) {
    if (end_block_seen_) return find_next_block("bytes behind the recording's end");
    std::span<const std::byte> bytes = window(sizeof(RecordingBlockHeader));
    if (bytes.size() < sizeof(RecordingBlockHeader)) return find_next_block("cut off inside a block's header");
    const auto header = load<RecordingBlockHeader>(bytes);
    if (header.marker != kBlockMarker || !is_sealed(header)) return find_next_block("a block's header is damaged");
    if (header.payload_bytes > kPayloadMaxBytes || header.raw_bytes > kBlockMaxBytes ||
        header.abi_version != EVENT_ABI_VERSION || header.number < next_number_) {
        return find_next_block("a block that does not belong here");
    }
    bytes = window(sizeof(header) + header.payload_bytes);
    const std::span<const std::byte> payload = bytes.subspan(sizeof(header));
    if (payload.size() < header.payload_bytes) return find_next_block("cut off inside a block");
    if (!crc_is_right(payload, header.payload_crc))
        return find_next_block("the checksum of a block's records is wrong");
    unpacked_.resize(header.records == 0 ? 0 : header.raw_bytes);
    if (header.records != 0 && !decompressor_.unpack(payload, unpacked_))
        return find_next_block("a block's records can't be unpacked");
    const std::optional<std::uint64_t> last_ktime_ns = walk_records(unpacked_, header.records);
    if (!last_ktime_ns.has_value()) return find_next_block("a block's records do not add up");
    take_records(header, unpacked_, batch);
    if (header.records != 0) last_ktime_ns_ = *last_ktime_ns;
    skip(bytes.size());
}

void RecordingReader::take_records(const RecordingBlockHeader& header, std::span<const std::byte> records,
                                   RecordBatch& batch) {
    if (header.records_before > records_expected_) {
        lost_event lost{};
        const std::uint64_t ktime_ns = records.empty() ? last_ktime_ns_ : header.first_ktime_ns;
        lost.header = {
            .kind = WIRE_lost, .size = sizeof(lost), .flags = 0, .ktime_ns = ktime_ns, .tgid = 0, .tid = 0};
        lost.count = header.records_before - records_expected_;
        std::memcpy(lost.loss_class, "recording", sizeof("recording"));
        append_record(batch, lost);
    }
    batch.insert(batch.end(), records.begin(), records.end());
    records_expected_ = header.records_before + header.records;
    next_number_ = header.number + 1;
    end_block_seen_ = header.records == 0;
}

// Skips at least a byte, then to the next block header that is whole, or to the end; notes what was skipped.
void RecordingReader::find_next_block(std::string reason) {
    const std::uint64_t from = offset_;
    std::array<std::byte, sizeof(kBlockMarker)> marker{};
    std::memcpy(marker.data(), &kBlockMarker, sizeof(kBlockMarker));
    skip(1);
    for (;;) {
        const std::span<const std::byte> bytes = window(kReadBytes);
        if (bytes.size() < sizeof(RecordingBlockHeader)) {
            skip(bytes.size());
            break;
        }
        const auto found = std::ranges::search(bytes, marker);
        const auto at = static_cast<std::size_t>(found.begin() - bytes.begin());
        if (at + sizeof(RecordingBlockHeader) > bytes.size()) {
            // Not here; a header may begin in the last bytes and end in those not yet read.
            skip(bytes.size() - sizeof(RecordingBlockHeader) + 1);
            continue;
        }
        skip(at);
        const auto header = load<RecordingBlockHeader>(bytes.subspan(at));
        if (is_sealed(header) && header.number >= next_number_ && !end_block_seen_) break;
        skip(1);
    }
    damage_.push_back({from, offset_ - from, std::move(reason)});
}

std::uint64_t RecordingReader::bytes_lost() const {
    std::uint64_t bytes = 0;
    for (const RecordingDamage& damage : damage_) bytes += damage.bytes;
    return bytes;
}

}  // namespace sockeye
