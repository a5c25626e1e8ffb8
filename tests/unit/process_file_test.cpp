// SPDX-License-Identifier: GPL-2.0-only
// What a traced process puts where its files are looked for: the tracer neither waits for it nor falls over it.
#include "stacks/process_file.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/proc_text.h"
#include "stacks/mapped_fault.h"

using namespace sockeye;

namespace {

// A directory of this test's own; gone in the end, with the files that were named.
class ScratchDirectory {
public:
    ScratchDirectory() {
        std::string name = "/tmp/sockeye-process-file-XXXXXX";
        if (mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ScratchDirectory(const ScratchDirectory&) = delete;
    ScratchDirectory& operator=(const ScratchDirectory&) = delete;
    ~ScratchDirectory() {
        for (const char* const name : {"file", "pipe", "link", "gone"}) unlink(at(name).c_str());
        rmdir(path_.c_str());
    }
    [[nodiscard]] std::string at(const std::string& name) const { return path_ + "/" + name; }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

const auto kOwnTgid = static_cast<std::uint32_t>(getpid());

std::string text_of_process_file(const std::string& path, LastLink last = LastLink::followed) {
    const UniqueFd file = open_process_file(kOwnTgid, path, last);
    return file.valid() ? read_text(file.get()) : "(none)";
}

// What is mapped there; empty: nothing.
Mapping mapping_at(const volatile char* address) {
    const MemoryMap map = MemoryMap::parse(read_text("/proc/self/maps"));
    const Mapping* const found = map.at(reinterpret_cast<std::uint64_t>(address));
    return found != nullptr ? *found : Mapping{};
}

}  // namespace

TEST_CASE("only a regular file of a process is opened, and nothing is waited for", "[process_file]") {
    const ScratchDirectory scratch;
    std::ofstream(scratch.at("file")) << "content";
    REQUIRE(mkfifo(scratch.at("pipe").c_str(), 0600) == 0);
    CHECK(text_of_process_file(scratch.at("file")) == "content");
    CHECK_FALSE(open_process_file(kOwnTgid, scratch.at("pipe")).valid());
    CHECK_FALSE(open_process_file(kOwnTgid, scratch.at("missing")).valid());
    CHECK_FALSE(open_process_file(kOwnTgid, scratch.path()).valid());
    CHECK_FALSE(open_process_file(kOwnTgid, "/dev/zero").valid());
    CHECK_FALSE(open_process_file(kOwnTgid, "").valid());
    CHECK_FALSE(open_process_file(0, scratch.at("file")).valid());
}

TEST_CASE("a link in a process's root is followed there, or refused", "[process_file]") {
    const ScratchDirectory scratch;
    std::ofstream(scratch.at("file")) << "content";
    SECTION("to a file") {
        REQUIRE(symlink("../../../../file", scratch.at("link").c_str()) == 0);
        CHECK(text_of_process_file(scratch.at("link")) == "(none)");  // above the root is the root
        REQUIRE(unlink(scratch.at("link").c_str()) == 0);
        REQUIRE(symlink(scratch.at("file").c_str(), scratch.at("link").c_str()) == 0);
        CHECK(text_of_process_file(scratch.at("link")) == "content");
        CHECK(text_of_process_file(scratch.at("link"), LastLink::refused) == "(none)");
    }
    SECTION("to a pipe") {
        REQUIRE(mkfifo(scratch.at("pipe").c_str(), 0600) == 0);
        REQUIRE(symlink("pipe", scratch.at("link").c_str()) == 0);
        CHECK(text_of_process_file(scratch.at("link")) == "(none)");
    }
    SECTION("by a link of /proc, which leads past the root") {
        REQUIRE(symlink(("/proc/self/root" + scratch.at("file")).c_str(), scratch.at("link").c_str()) == 0);
        CHECK(text_of_process_file(scratch.at("link")) == "(none)");
    }
}

TEST_CASE("a deleted file is opened where it is mapped", "[process_file]") {
    const ScratchDirectory scratch;
    std::ofstream(scratch.at("gone")) << "content";
    const UniqueFd file = open_process_file(kOwnTgid, scratch.at("gone"));
    REQUIRE(file.valid());
    void* const memory = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, file.get(), 0);
    REQUIRE(memory != MAP_FAILED);
    REQUIRE(unlink(scratch.at("gone").c_str()) == 0);
    const Mapping mapping = mapping_at(static_cast<const char*>(memory));
    CHECK(mapping.path == scratch.at("gone") + " (deleted)");
    const UniqueFd again = open_mapped_file(kOwnTgid, mapping);
    if (!again.valid() && geteuid() != 0) {
        WARN("not tested: /proc/PID/map_files asks for CAP_CHECKPOINT_RESTORE");
    } else {
        REQUIRE(again.valid());
        CHECK(read_text(again.get()) == "content");
        CHECK_FALSE(begins_as_elf(again));
    }
    CHECK_FALSE(open_mapped_file(kOwnTgid, {.begin = 0x1000, .end = 0x2000, .offset = 0, .path = {}}).valid());
    munmap(memory, 4096);
}

TEST_CASE("a program's own file begins as ELF, and a text does not", "[process_file]") {
    const ScratchDirectory scratch;
    std::ofstream(scratch.at("file")) << "\x1f\x8b a compressed file";
    CHECK_FALSE(begins_as_elf(open_process_file(kOwnTgid, scratch.at("file"))));
    std::string self(4096, '\0');
    self.resize(static_cast<std::size_t>(std::max<ssize_t>(readlink("/proc/self/exe", self.data(), self.size()), 0)));
    CHECK(begins_as_elf(open_process_file(kOwnTgid, self)));
    CHECK_FALSE(begins_as_elf(UniqueFd()));
}

TEST_CASE("reading a mapped file behind its end costs that work only", "[process_file]") {
    const ScratchDirectory scratch;
    std::ofstream(scratch.at("file")) << std::string(8192, 'x');
    const UniqueFd file = open_process_file(kOwnTgid, scratch.at("file"));
    REQUIRE(file.valid());
    void* const memory = mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file.get(), 0);
    REQUIRE(memory != MAP_FAILED);
    const volatile char* const bytes = static_cast<const char*>(memory);
    struct sigaction before {};
    sigaction(SIGBUS, nullptr, &before);
    catch_mapped_faults();
    char read_byte = 0;
    const auto read_second_page = [&] { read_byte = bytes[4096]; };
    CHECK(runs_whole(read_second_page));
    CHECK(read_byte == 'x');
    REQUIRE(truncate(scratch.at("file").c_str(), 100) == 0);
    read_byte = 0;
    // Twice: the first must leave the signal as it was.
    CHECK_FALSE(runs_whole(read_second_page));
    CHECK_FALSE(runs_whole(read_second_page));
    CHECK(read_byte == 0);
    CHECK(runs_whole([&] { read_byte = bytes[50]; }));
    CHECK(read_byte == 'x');
    sigaction(SIGBUS, &before, nullptr);
    munmap(memory, 8192);
}
