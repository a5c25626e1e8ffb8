// SPDX-License-Identifier: GPL-2.0-only
// make_recording FOLDER: writes the recordings that golden tests replay: host.rec, and what a crash and a bad
// disk would have left of it, and leaks.rec. make_recording --screens FOLDER: those that the full screen is shown in
// tmux, which are too large to be kept: idle.rec, flood.rec, leak.rec. The same bytes on every run.
#include <array>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "events/recording.h"
#include "support/leak_stream.h"
#include "support/sample_stream.h"
#include "support/screen_streams.h"

namespace {

using namespace sockeye;

// Small blocks, as a live run writes them at each interval, so that damage costs a part only.
Result<void> write_recording(const std::filesystem::path& path, std::span<const std::byte> records) {
    Result<RecordingWriter> writer = RecordingWriter::create(path.string());
    if (!writer) return writer.error();
    constexpr std::size_t kRecordsPerBlock = 16;
    std::size_t in_block = 0;
    while (!records.empty()) {
        const auto* header = reinterpret_cast<const event_header*>(records.data());
        if (Result<void> done = writer->append(records.first(header->size)); !done) return done;
        records = records.subspan(header->size);
        if (++in_block % kRecordsPerBlock != 0) continue;
        if (Result<void> done = writer->flush(); !done) return done;
    }
    return writer->finish();
}

bool copy_changed(const std::filesystem::path& from, const std::filesystem::path& to, std::size_t size,
                  std::size_t flipped_byte) {
    std::ifstream input(from, std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(input), {}};
    if (bytes.size() < size || bytes.size() <= flipped_byte) return false;
    bytes.resize(size == 0 ? bytes.size() : size);
    if (flipped_byte != 0) bytes[flipped_byte] = static_cast<char>(bytes[flipped_byte] ^ 1);
    std::ofstream output(to, std::ios::binary);
    output.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    output.close();
    return output.good();
}

int write_all(const std::filesystem::path& folder, std::span<const std::pair<const char*, RecordBatch>> streams) {
    for (const auto& [name, records] : streams) {
        const Result<void> written = write_recording(folder / name, records);
        if (written) continue;
        std::cerr << written.error().message << '\n';
        return 1;
    }
    return 0;
}

int write_screens(const std::filesystem::path& folder) {
    return write_all(folder, std::array<std::pair<const char*, RecordBatch>, 3>{{{"idle.rec", test::idle_stream()},
                                                                                {"flood.rec", test::flood_stream()},
                                                                                {"leak.rec", test::leak_stream()}}});
}

int write_samples(const std::filesystem::path& folder) {
    const std::filesystem::path whole = folder / "host.rec";
    if (write_all(folder, std::array<std::pair<const char*, RecordBatch>, 2>{
                              {{"host.rec", test::sample_stream()}, {"leaks.rec", test::leak_stream()}}}) != 0)
        return 1;
    const std::size_t bytes = std::filesystem::file_size(whole);
    if (!copy_changed(whole, folder / "host-cut.rec", bytes * 2 / 3, 0) ||
        !copy_changed(whole, folder / "host-damaged.rec", 0, bytes / 2)) {
        std::cerr << "cannot write the damaged copies of " << whole << '\n';
        return 1;
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const bool screens = argc == 3 && std::string_view(argv[1]) == "--screens";
    if (argc != 2 && !screens) {
        std::cerr << "usage: make_recording [--screens] FOLDER\n";
        return 2;
    }
    return screens ? write_screens(argv[2]) : write_samples(argv[1]);
}
