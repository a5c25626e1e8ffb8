// SPDX-License-Identifier: GPL-2.0-only
#include "base/output.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "base/unique_fd.h"

namespace sockeye {
namespace {

struct Pipe {
    UniqueFd reader, writer;
    Pipe() {
        int fds[2];
        REQUIRE(::pipe2(fds, O_CLOEXEC) == 0);
        reader = UniqueFd(fds[0]);
        writer = UniqueFd(fds[1]);
    }
};

std::string read_all(int fd) {
    std::string text;
    char bytes[4096];
    for (ssize_t got = 0; (got = ::read(fd, bytes, sizeof(bytes))) > 0;)
        text.append(bytes, static_cast<std::size_t>(got));
    return text;
}

// A file that would become larger can't be written, as on a full disk.
struct LargestFile {
    rlimit before{};
    explicit LargestFile(rlim_t bytes) {
        ::signal(SIGXFSZ, SIG_IGN);
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
        const rlimit limit{bytes, before.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
    }
    ~LargestFile() { ::setrlimit(RLIMIT_FSIZE, &before); }
};

std::string many_lines(std::size_t count) {
    std::string lines;
    for (std::size_t line = 0; line < count; ++line) lines += "line " + std::to_string(line) + "\n";
    return lines;
}

TEST_CASE("everything written arrives, in order, through a pipe smaller than it", "[output]") {
    Pipe pipe;
    const std::string lines = many_lines(50000);
    std::string received;
    std::thread reader([&] { received = read_all(pipe.reader.get()); });
    Output output(pipe.writer.get());
    output.write(lines);
    CHECK(output.flush());
    pipe.writer.reset();
    reader.join();
    CHECK(received == lines);
}

TEST_CASE("a non-blocking pipe is waited for", "[output]") {
    Pipe pipe;
    REQUIRE(::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string lines = many_lines(50000);
    std::string received;
    std::thread reader([&] { received = read_all(pipe.reader.get()); });
    Output output(pipe.writer.get());
    output.write(lines);
    CHECK(output.flush());
    pipe.writer.reset();
    reader.join();
    CHECK(received == lines);
}

TEST_CASE("a pipe gets pieces of whole lines that it takes at once", "[output]") {
    Pipe pipe;
    REQUIRE(::fcntl(pipe.reader.get(), F_SETPIPE_SZ, 4096) >= 4096);
    const UniqueFd stop(::eventfd(1, EFD_CLOEXEC));
    Output output(pipe.writer.get(), stop.get());
    output.write(many_lines(2000));
    CHECK_FALSE(output.flush());  // nobody reads, and we are asked to stop
    CHECK(output.status() == OutputStatus::stopped);
    pipe.writer.reset();
    const std::string received = read_all(pipe.reader.get());
    CHECK(!received.empty());
    CHECK(received.back() == '\n');
    CHECK(received == many_lines(2000).substr(0, received.size()));
    const auto lines = static_cast<std::uint64_t>(std::count(received.begin(), received.end(), '\n'));
    CHECK(output.dropped_lines() == 2000 - lines);
}

TEST_CASE("being asked to stop while the reader reads loses nothing", "[output]") {
    Pipe pipe;
    const UniqueFd stop(::eventfd(1, EFD_CLOEXEC));
    const std::string lines = many_lines(50000);
    std::string received;
    std::thread reader([&] { received = read_all(pipe.reader.get()); });
    Output output(pipe.writer.get(), stop.get());
    output.write(lines);
    CHECK(output.flush());
    pipe.writer.reset();
    reader.join();
    CHECK(received == lines);
}

TEST_CASE("a reader that has gone is an orderly end", "[output]") {
    ::signal(SIGPIPE, SIG_IGN);
    Pipe pipe;
    pipe.reader.reset();
    Output output(pipe.writer.get());
    output.write("one\ntwo\n");
    CHECK_FALSE(output.flush());
    CHECK(output.status() == OutputStatus::reader_gone);
    CHECK_FALSE(output.error().has_value());
    CHECK(output.dropped_lines() == 2);
    output.write("three\n");
    CHECK_FALSE(output.flush());
    CHECK(output.dropped_lines() == 3);
}

TEST_CASE("a full device is an error with the kernel's words", "[output]") {
    const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
    Output output(full.get());
    output.write("one\n");
    CHECK_FALSE(output.flush());
    CHECK(output.status() == OutputStatus::failed);
    REQUIRE(output.error().has_value());
    CHECK(output.error()->message == "cannot write output: No space left on device; 1 line was not written");
    CHECK(output.error()->exit_code == ExitCode::failed);
}

TEST_CASE("a file that can grow no further ends with its last whole line", "[output]") {
    const LargestFile limit(10'000);
    const UniqueFd file(::memfd_create("output", MFD_CLOEXEC));
    const std::string path = "/proc/self/fd/" + std::to_string(file.get());
    const bool appending = GENERATE(false, true);
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | (appending ? O_APPEND : 0)));
    const auto contents = [&] {
        const UniqueFd again(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        return read_all(again.get());
    };
    Output output(fd.get());
    const std::string lines = many_lines(2000);
    REQUIRE(lines.size() > 10'000);
    output.write(lines);
    CHECK_FALSE(output.flush());
    CHECK(output.status() == OutputStatus::failed);
    const std::string kept = contents();
    REQUIRE(!kept.empty());
    CHECK(kept.size() > 9'900);
    CHECK(kept.back() == '\n');
    CHECK(lines.starts_with(kept));
    CHECK(output.dropped_lines() == 2000 - static_cast<std::uint64_t>(std::count(kept.begin(), kept.end(), '\n')));
    output.write("and more\n");
    CHECK_FALSE(output.flush());
    CHECK(contents() == kept);
}

TEST_CASE("a line longer than a pipe takes at once still arrives whole", "[output]") {
    Pipe pipe;
    const std::string lines = "short\n" + std::string(3 * PIPE_BUF, 'x') + "\nshort\n";
    Output output(pipe.writer.get());
    output.write(lines);
    CHECK(output.flush());
    pipe.writer.reset();
    CHECK(read_all(pipe.reader.get()) == lines);
}

TEST_CASE("reserved room holds what was asked for, however much", "[output]") {
    Pipe pipe;
    Output output(pipe.writer.get());
    std::string received;
    std::thread reader([&] { received = read_all(pipe.reader.get()); });
    constexpr std::size_t kLine = 1024 * 1024;
    char* room = output.reserve(kLine);
    std::fill_n(room, kLine - 1, 'y');
    room[kLine - 1] = '\n';
    output.commit(room + kLine);
    CHECK(output.flush());
    pipe.writer.reset();
    reader.join();
    CHECK(received.size() == kLine);
}

TEST_CASE("a reader that stalls in the midst of a long line can't keep us from stopping", "[output]") {
    Pipe pipe;
    REQUIRE(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096) >= 4096);
    const UniqueFd stop(::eventfd(1, EFD_CLOEXEC));
    Output output(pipe.writer.get(), stop.get());
    output.write(std::string(1'000'000, 'x') + "\n");
    CHECK_FALSE(output.flush());
    CHECK(output.status() == OutputStatus::stopped);
}

}  // namespace
}  // namespace sockeye
