// SPDX-License-Identifier: GPL-2.0-only
#include "events/recording.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "support/folder.h"
#include "support/recording_files.h"

namespace sockeye {
namespace {

using namespace test;

std::string not_a_recording(const std::string& path) {
    return "FILE: '" + path + "' is not a recording of sockeye; give one that `sockeye record` wrote";
}

struct ReadBack {
    std::string open_error;
    RecordBatch records;
    std::vector<RecordingDamage> damage;
    std::uint64_t bytes_lost = 0;
};

ReadBack read_back(const MemoryFile& file) {
    ReadBack result;
    Result<std::unique_ptr<RecordingReader>> reader = RecordingReader::open(file.path());
    if (!reader) {
        result.open_error = reader.error().message;
        return result;
    }
    for (;;) {
        const Result<SourceStatus> status = (*reader)->read(result.records);
        REQUIRE(status);
        if (*status == SourceStatus::end) break;
    }
    result.damage.assign((*reader)->damage().begin(), (*reader)->damage().end());
    result.bytes_lost = (*reader)->bytes_lost();
    return result;
}

// What stands in the stream for `count` records that a damaged block held.
void append_lost(RecordBatch& batch, std::uint64_t ktime_ns, std::uint64_t count) {
    test::RecordBuilder builder;
    builder.at(ktime_ns).lost("recording", count);
    batch.insert(batch.end(), builder.batch().begin(), builder.batch().end());
}

void append(RecordBatch& batch, const RecordBatch& block) {
    batch.insert(batch.end(), block.begin(), block.end());
}

TEST_CASE("what is recorded is read back, byte for byte", "[recording]") {
    test::RecordBuilder builder;
    builder.run();
    for (std::uint64_t number = 0; number < 20000; ++number) {
        builder.after(1000).tcp_state(number, test::tcp_tuple("10.0.0.1", 1, "10.0.0.2", 80), WIRE_TCP_ESTABLISHED,
                                      WIRE_TCP_CLOSE_WAIT);
    }
    const RecordBatch& records = builder.batch();
    const MemoryFile file;
    Result<RecordingWriter> writer = RecordingWriter::create(file.path());
    REQUIRE(writer);
    REQUIRE(writer->append(records));
    REQUIRE(writer->finish());
    CHECK(writer->records() == 20001);
    CHECK(writer->bytes() == file.content().size());

    const ReadBack result = read_back(file);
    CHECK(result.records == records);
    CHECK(result.damage.empty());
}

TEST_CASE("a recording without events is a whole recording", "[recording]") {
    const MemoryFile file;
    Result<RecordingWriter> writer = RecordingWriter::create(file.path());
    REQUIRE(writer);
    REQUIRE(writer->finish());
    const ReadBack result = read_back(file);
    CHECK(result.open_error.empty());
    CHECK(result.records.empty());
    CHECK(result.damage.empty());
}

TEST_CASE("a flipped byte costs the block that it stands in, and nothing else", "[recording]") {
    const SmallRecording good;
    const MemoryFile file;
    for (std::size_t at = 0; at < good.bytes.size(); ++at) {
        INFO("byte " << at);
        std::vector<std::byte> bytes = good.bytes;
        bytes[at] ^= std::byte{0x40};
        file.set(bytes);
        const ReadBack result = read_back(file);

        if (at < sizeof(std::uint64_t)) {
            REQUIRE(result.open_error == not_a_recording(file.path()));
            continue;
        }
        REQUIRE(result.open_error.empty());
        RecordBatch expected;
        std::uint64_t offset = 0, lost = kFile;
        for (std::size_t block = 0; block < 3; ++block) {
            const std::size_t begin = good.offsets[block], end = good.offsets[block + 1];
            if (at < begin || at >= end) {
                append(expected, good.blocks[block]);
                continue;
            }
            offset = begin;
            lost = end - begin;
            const std::uint64_t next_ktime[] = {3000, 4000, 3000};  // of the last before, where none follows
            append_lost(expected, next_ktime[block], block == 0 ? 2 : 1);
        }
        if (at >= good.offsets[3]) {
            offset = good.offsets[3];
            lost = good.bytes.size() - good.offsets[3];
        }
        REQUIRE(result.records == expected);
        REQUIRE(result.damage.size() == 1);
        REQUIRE(result.damage[0].offset == offset);
        REQUIRE(result.damage[0].bytes == lost);
        REQUIRE(result.bytes_lost == lost);
    }
}

TEST_CASE("a recording cut off anywhere gives every whole block, and says where it was cut", "[recording]") {
    const SmallRecording good;
    const MemoryFile file;
    for (std::size_t length = 0; length < good.bytes.size(); ++length) {
        INFO("length " << length);
        file.set(std::span(good.bytes).first(length));
        const ReadBack result = read_back(file);
        if (length < kFile) {
            REQUIRE(result.open_error == (length == 0
                                              ? not_a_recording(file.path())
                                              : "FILE: '" + file.path() + "' was cut off after " +
                                                    std::to_string(length) + " bytes, before its first record"));
            continue;
        }
        RecordBatch expected;
        std::size_t whole = kFile;
        for (std::size_t block = 0; block < 3 && good.offsets[block + 1] <= length; ++block) {
            append(expected, good.blocks[block]);
            whole = good.offsets[block + 1];
        }
        REQUIRE(result.records == expected);
        REQUIRE(result.bytes_lost == length - whole);
        REQUIRE(result.damage.size() == 1);
        REQUIRE(result.damage.front().offset == whole);
    }
}

TEST_CASE("a hole in a large recording costs its blocks and is counted in records", "[recording]") {
    std::uint64_t last_ktime_ns = 0;
    const MemoryFile file;
    Result<RecordingWriter> writer = RecordingWriter::create(file.path());
    REQUIRE(writer);
    REQUIRE(writer->append(random_records(20000, last_ktime_ns)));
    REQUIRE(writer->finish());
    std::vector<std::byte> bytes = file.content();
    // Cut out, not overwritten: what follows stands at another place than its neighbours believe.
    bytes.erase(bytes.begin() + 200'001, bytes.begin() + 500'002);
    file.set(bytes);

    const ReadBack result = read_back(file);
    REQUIRE(result.damage.size() == 1);
    CHECK(result.damage[0].bytes > 0);
    CHECK(result.damage[0].bytes < 2 * kBlockTargetBytes);
    std::uint64_t changes = 0, lost = 0;
    for (std::size_t at = 0; at < result.records.size();) {
        event_header header{};
        std::memcpy(&header, result.records.data() + at, sizeof(header));
        if (header.kind == WIRE_tcp_state) ++changes;
        if (header.kind == WIRE_lost) {
            lost_event record{};
            std::memcpy(&record, result.records.data() + at, sizeof(record));
            lost += record.count;
            CHECK(std::string(record.loss_class) == "recording");
        }
        at += header.size;
    }
    CHECK(lost > 0);
    CHECK(changes + lost == 20000);
}

TEST_CASE("bytes behind the end are not read", "[recording]") {
    const SmallRecording good;
    std::vector<std::byte> bytes = good.bytes;
    bytes.insert(bytes.end(), good.bytes.begin() + kFile, good.bytes.end());
    const MemoryFile file;
    file.set(bytes);
    const ReadBack result = read_back(file);
    REQUIRE(result.damage.size() == 1);
    CHECK(describe(result.damage[0]) == "at offset " + std::to_string(good.bytes.size()) + ": " +
                                            std::to_string(good.bytes.size() - kFile) +
                                            " bytes lost: bytes behind the recording's end");
}

TEST_CASE("other files and other versions are refused with what would be right", "[recording]") {
    const MemoryFile file;
    const auto error_of = [&](RecordingFileHeader header) {
        header.crc = static_cast<std::uint32_t>(
            ::crc32_z(0, reinterpret_cast<const Bytef*>(&header), sizeof(header) - sizeof(header.crc)));
        std::vector<std::byte> bytes(sizeof(header));
        std::memcpy(bytes.data(), &header, sizeof(header));
        file.set(bytes);
        return read_back(file).open_error;
    };
    CHECK(error_of({.magic = 1}) == not_a_recording(file.path()));
    CHECK(error_of({.magic = __builtin_bswap64(kRecordingMagic)}).find("byte order") != std::string::npos);
    CHECK(error_of({.abi_version = EVENT_ABI_VERSION + 1}) ==
          "FILE: '" + file.path() + "' has recording format 2 with events of version " +
              std::to_string(EVENT_ABI_VERSION + 1) + "; this sockeye reads format 2 with version " +
              std::to_string(EVENT_ABI_VERSION) + "; replay it with the sockeye that recorded it");
    CHECK(error_of({.format = 9}).find("recording format 9") != std::string::npos);

    const Result<std::unique_ptr<RecordingReader>> missing = RecordingReader::open("/nonexistent/file");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().exit_code == ExitCode::usage);
    CHECK(missing.error().message == "FILE: '/nonexistent/file' cannot be read: No such file or directory");
    const Result<std::unique_ptr<RecordingReader>> folder = RecordingReader::open("/");
    REQUIRE_FALSE(folder);
    CHECK(folder.error().message == "FILE: '/' cannot be read: read error: Is a directory");
}

TEST_CASE("a file that cannot be created is an error that names it", "[recording]") {
    const Result<RecordingWriter> writer = RecordingWriter::create("/nonexistent/file");
    REQUIRE_FALSE(writer);
    CHECK(writer.error().message == "FILE: '/nonexistent/file' cannot be written: No such file or directory");
}

TEST_CASE("a full disk ends the recording with an error, and what fitted can be read", "[recording]") {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    char path[] = "/tmp/sockeye-recording-XXXXXX";
    const UniqueFd file(::mkstemp(path));
    std::uint64_t last_ktime_ns = 0;
    const RecordBatch random = random_records(20000, last_ktime_ns);

    // The kernel refuses bytes past this size just as a full disk does.
    const rlimit small{.rlim_cur = 200'000, .rlim_max = before.rlim_max};
    Result<RecordingWriter> writer = RecordingWriter::create(path);
    REQUIRE(writer);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const Result<void> appended = writer->append(random);
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    Result<std::unique_ptr<RecordingReader>> reader = RecordingReader::open(path);
    ::unlink(path);

    REQUIRE_FALSE(appended);
    CHECK(appended.error().exit_code == ExitCode::failed);
    CHECK(appended.error().message.find("File too large") != std::string::npos);
    CHECK(appended.error().message.find(path) != std::string::npos);
    REQUIRE(reader);
    RecordBatch records;
    while (true) {
        const Result<SourceStatus> status = (*reader)->read(records);
        REQUIRE(status);
        if (*status == SourceStatus::end) break;
    }
    CHECK(records.size() == writer->records() * sizeof(tcp_state_event));
    CHECK(records.size() > 100'000);
    REQUIRE((*reader)->damage().size() == 1);
    CHECK((*reader)->damage()[0].bytes == 0);
    CHECK((*reader)->damage()[0].offset == writer->bytes());
}

TEST_CASE("only a file that was made for it and has no record is taken away", "[recording]") {
    const Folder folder;
    const std::string path = folder.root / "a", link = folder.root / "b", pipe = folder.root / "c";
    Result<RecordingWriter> writer = RecordingWriter::create(path);
    REQUIRE(writer);
    REQUIRE(::symlink("a", link.c_str()) == 0);
    Result<RecordingWriter> by_link = RecordingWriter::create(link);
    REQUIRE(by_link);
    by_link->discard_if_empty();
    CHECK(::access(link.c_str(), F_OK) == 0);
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    const UniqueFd reader(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    Result<RecordingWriter> into_pipe = RecordingWriter::create(pipe);
    REQUIRE(into_pipe);
    into_pipe->discard_if_empty();
    CHECK(::access(pipe.c_str(), F_OK) == 0);
    writer->discard_if_empty();
    CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("a recording that is overwritten stays until there is a record for the new one", "[recording]") {
    const Folder folder;
    const std::string before(1'000'000, 'x'), path = folder.file("a", before);
    Result<RecordingWriter> writer = RecordingWriter::create(path);
    REQUIRE(writer);
    writer->discard_if_empty();
    CHECK(std::filesystem::file_size(path) == before.size());
    test::RecordBuilder builder;
    builder.run();
    REQUIRE(writer->append(builder.batch()));
    CHECK(std::filesystem::file_size(path) == before.size());
    REQUIRE(writer->finish());
    CHECK(std::filesystem::file_size(path) == writer->bytes());
    REQUIRE(RecordingReader::open(path));
}

}  // namespace
}  // namespace sockeye
