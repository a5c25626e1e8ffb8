// SPDX-License-Identifier: GPL-2.0-only
// make_corpus FOLDER: what the fuzzers begin with: FOLDER/records and FOLDER/words. Recordings stand in golden/replay.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <utility>

#include "support/host_churn.h"
#include "support/leak_stream.h"
#include "support/sample_stream.h"

namespace {

using namespace sockeye;
namespace fs = std::filesystem;

bool write(const fs::path& path, const void* bytes, std::size_t size) {
    std::ofstream file(path, std::ios::binary);
    file.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    file.close();
    if (!file.good()) std::fprintf(stderr, "make_corpus: cannot write %s\n", path.c_str());
    return file.good();
}

bool write(const fs::path& path, std::span<const std::byte> records) {
    return write(path, records.data(), records.size());
}

RecordBatch seconds_of_a_host() {
    test::HostChurn churn({.connections = 2});
    RecordBatch all = churn.begin();
    for (int second = 0; second < 12; ++second) {
        const RecordBatch more = churn.second();
        all.insert(all.end(), more.begin(), more.end());
    }
    return all;
}

constexpr std::pair<const char*, const char*> kWords[] = {
    {"ports", "\0" "80,8000-8100"},
    {"address", "\1" "10.0.0.0/8"},
    {"address6", "\1" "fe80::1/64"},
    {"pids", "\2" "1,42"},
    {"states", "\3" "ESTABLISHED,TIME_WAIT"},
    {"kinds", "\4" "connect,fd_open"},
    {"netns", "\5" "4026531840"},
    {"comm", "\6" "ngin[xy]*?"},
    {"assertion", "\7" "timewait.rate{comm=app,side=client} < 50"},
    {"tcp", "\10" "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 81234 1 "
            "ffff888100000000 100 0 0 10 0"},
    {"stat", "\11" "42 (a) b) S 1 42 42 0 -1 4194304 1 0 0 0 1 2 0 0 20 0 1 0 100 1000 10"},
    {"limits", "\12" "Max open files            1024                 1048576              files     \n"},
    {"link", "\13" "socket:[81234]"},
    {"container", "\14" "/system.slice/docker-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"},
    {"netstat", "\15" "TcpExt: A TW\nTcpExt: 1 2\n"},
    {"reserved", "\16" "8080,9000-9100\n"},
    {"status", "\17" "NSpid:\t42\t1\n"},
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: make_corpus FOLDER\n");
        return 2;
    }
    const fs::path records = fs::path(argv[1]) / "records", words = fs::path(argv[1]) / "words";
    fs::create_directories(records);
    fs::create_directories(words);
    bool good = write(records / "sample", test::sample_stream()) && write(records / "leak", test::leak_stream()) &&
                write(records / "host", seconds_of_a_host());
    for (const auto& [name, text] : kWords)
        good = good && write(words / name, text, 1 + std::string(text + 1).size());
    return good ? 0 : 1;
}
