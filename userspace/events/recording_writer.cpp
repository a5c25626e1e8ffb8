// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <utility>

#include "events/recording.h"
#include "sockeye/event.h"

namespace sockeye {

namespace {

std::uint32_t crc_of(const void* bytes, std::size_t size) {
    return static_cast<std::uint32_t>(::crc32_z(0, static_cast<const Bytef*>(bytes), size));
}

template <typename Header>
std::array<std::byte, sizeof(Header)> sealed(Header header) {
    header.crc = crc_of(&header, sizeof(header) - sizeof(header.crc));
    std::array<std::byte, sizeof(Header)> bytes{};
    std::memcpy(bytes.data(), &header, sizeof(header));
    return bytes;
}

}  // namespace

Result<RecordingWriter> RecordingWriter::create(const std::string& path, std::string_view argument) {
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    const bool is_new = fd.valid();
    // Without O_EXCL a link to nowhere makes its file.
    if (!is_new && errno == EEXIST) fd = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!fd.valid())
        return Error(fmt::format("{}: '{}' cannot be written: {}", argument, path, std::strerror(errno)), ExitCode::usage);
    return RecordingWriter(path, std::move(fd), is_new);
}

void RecordingWriter::discard_if_empty() const {
    struct stat ours {}, there {};
    if (!is_new_ || records() != 0 || ::fstat(fd_.get(), &ours) != 0) return;
    // The name may be another file's by now.
    if (::lstat(path_.c_str(), &there) != 0 || there.st_dev != ours.st_dev || there.st_ino != ours.st_ino) return;
    ::unlink(path_.c_str());
}

Result<void> RecordingWriter::append(std::span<const std::byte> records) {
    while (!records.empty()) {
        event_header header{};
        assert(records.size() >= sizeof(header));
        std::memcpy(&header, records.data(), sizeof(header));
        assert(header.size >= sizeof(header) && header.size <= records.size());
        pending_.insert(pending_.end(), records.begin(), records.begin() + header.size);
        ++pending_records_;
        records = records.subspan(header.size);
        if (pending_.size() < kBlockTargetBytes) continue;
        if (Result<void> written = write_block(); !written) return written;
    }
    return {};
}

Result<void> RecordingWriter::begin() {
    if (file_bytes_ != 0) return {};
    // A pipe or a device has no length.
    if (::ftruncate(fd_.get(), 0) != 0 && errno != EINVAL)
        return Error(fmt::format("cannot write recording {}: {}", path_, std::strerror(errno)));
    return write_all(sealed(RecordingFileHeader{}));
}

Result<void> RecordingWriter::flush() { return pending_.empty() ? Result<void>() : write_block(); }

Result<void> RecordingWriter::finish() {
    if (Result<void> flushed = flush(); !flushed) return flushed;
    if (Result<void> written = write_end(); !written) return written;
    // Pipes and some pseudo files cannot be synchronised; what is written to them has arrived.
    if (::fsync(fd_.get()) != 0 && errno != EINVAL && errno != EROFS) {
        return Error(fmt::format("cannot make recording {} durable: {}", path_, std::strerror(errno)));
    }
    return {};
}

Result<void> RecordingWriter::write_block() {
    if (Result<void> begun = begin(); !begun) return begun;
    event_header first{};
    std::memcpy(&first, pending_.data(), sizeof(first));
    const auto raw_bytes = static_cast<std::uint32_t>(pending_.size());
    const std::uint32_t records = std::exchange(pending_records_, 0);
    packed_.assign(sizeof(RecordingBlockHeader), std::byte{});
    const bool packed = compressor_.append(pending_, packed_);
    pending_.clear();
    if (!packed) return Error(fmt::format("cannot write recording {}: no memory to compress it", path_));
    const std::uint64_t offset = file_bytes_;
    if (Result<void> written = write_sealed(
            {.first_ktime_ns = first.ktime_ns, .records = records, .raw_bytes = raw_bytes});
        !written)
        return written;
    index_block({.offset = offset, .first_ktime_ns = first.ktime_ns, .records_before = records_written_});
    records_written_ += records;
    ++blocks_;
    return {};
}

// Every stride-th block has an entry; when there are too many, every second one goes.
void RecordingWriter::index_block(const RecordingIndexEntry& entry) {
    if (blocks_ % index_stride_ != 0) return;
    if (index_.size() == kIndexMaxEntries) {
        for (std::size_t kept = 0; 2 * kept < index_.size(); ++kept) index_[kept] = index_[2 * kept];
        index_.resize(index_.size() / 2);
        index_stride_ *= 2;
    }
    index_.push_back(entry);
}

Result<void> RecordingWriter::write_end() {
    if (Result<void> begun = begin(); !begun) return begun;
    const std::span<const std::byte> index = std::as_bytes(std::span(index_));
    packed_.assign(sizeof(RecordingBlockHeader), std::byte{});
    if (!compressor_.append(index, packed_))
        return Error(fmt::format("cannot write recording {}: no memory to compress it", path_));
    const RecordingTail tail{.end_block_bytes = static_cast<std::uint32_t>(packed_.size() + sizeof(RecordingTail))};
    const auto* const tail_bytes = reinterpret_cast<const std::byte*>(&tail);
    packed_.insert(packed_.end(), tail_bytes, tail_bytes + sizeof(tail));
    return write_sealed({.raw_bytes = static_cast<std::uint32_t>(index.size())});
}

// Writes packed_, its header completed and sealed.
Result<void> RecordingWriter::write_sealed(RecordingBlockHeader header) {
    const std::span<const std::byte> payload = std::span<const std::byte>(packed_).subspan(sizeof(header));
    header.records_before = records_written_;
    header.number = blocks_;
    header.payload_bytes = static_cast<std::uint32_t>(payload.size());
    header.payload_crc = crc_of(payload.data(), payload.size());
    std::ranges::copy(sealed(header), packed_.begin());
    return write_all(packed_);
}

Result<void> RecordingWriter::write_all(std::span<const std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t written = ::write(fd_.get(), bytes.data() + done, bytes.size() - done);
        if (written >= 0) {
            done += static_cast<std::size_t>(written);
            continue;
        }
        if (errno == EINTR) continue;
        const int error = errno;
        // Half a block is no use and would only be reported as damage. Where it can't be cut off (a pipe) the
        // reader sees it for what it is.
        const bool cut = ::ftruncate(fd_.get(), static_cast<off_t>(file_bytes_)) == 0;
        return Error(fmt::format(
            "cannot write recording {} past {} bytes: {}; its first {} records can be replayed{}", path_,
            file_bytes_, std::strerror(error), records_written_, cut ? "" : ", an unfinished block follows them"));
    }
    file_bytes_ += bytes.size();
    return {};
}

}  // namespace sockeye
