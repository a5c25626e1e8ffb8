// SPDX-License-Identifier: GPL-2.0-only
#include "support/sockeye_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "support/environment.h"

namespace live {
namespace {

struct Spawned {
    pid_t pid = -1;
    sockeye::UniqueFd pidfd, in, out, err;
};

Spawned spawn(const std::string& path, std::vector<std::string> arguments, const Program::Prepare& prepare) {
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
        FAIL("pipe2: " << std::strerror(errno));
    // Larger pipes: on a slow machine the reader may be late. Refusal (a small pipe-max-size) is harmless.
    fcntl(out[1], F_SETPIPE_SZ, 1 << 20);
    std::vector<char*> values;
    std::string program = path;
    values.push_back(program.data());
    for (std::string& argument : arguments) values.push_back(argument.data());
    values.push_back(nullptr);
    Spawned spawned;
    spawned.pid = fork();
    if (spawned.pid < 0) FAIL("fork: " << std::strerror(errno));
    if (spawned.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::signal(SIGPIPE, SIG_DFL);
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        if (prepare) prepare();
        execv(program.c_str(), values.data());
        dprintf(STDERR_FILENO, "%s: %s\n", program.c_str(), std::strerror(errno));
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    close(err[1]);
    spawned.in = sockeye::UniqueFd(in[1]);
    spawned.out = sockeye::UniqueFd(out[0]);
    spawned.err = sockeye::UniqueFd(err[0]);
    spawned.pidfd = sockeye::UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, spawned.pid, 0)));
    if (!spawned.pidfd.valid()) FAIL("pidfd_open: " << std::strerror(errno));
    return spawned;
}

// Appends what is there; false at the end of the stream.
bool append(int fd, std::string& text) {
    std::array<char, 65536> buffer;
    ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    return got > 0;
}

bool has_ready_line(const std::string& text) {
    return text.starts_with("sockeye: ready") || text.find("\nsockeye: ready") != std::string::npos;
}

}  // namespace

Program::Program(const std::string& path, std::vector<std::string> arguments, const Prepare& prepare) {
    Spawned spawned = spawn(path, std::move(arguments), prepare);
    pid_ = spawned.pid;
    pidfd_ = std::move(spawned.pidfd);
    in_fd_ = std::move(spawned.in);
    out_fd_ = std::move(spawned.out);
    err_fd_ = std::move(spawned.err);
    stop_reading_fd_ = sockeye::UniqueFd(eventfd(0, EFD_CLOEXEC));
    reader_ = std::thread([this] { read_outputs(); });
}

Program::~Program() {
    if (!exit_code_) {
        ::kill(pid_, SIGKILL);
        wait_exit();
    }
    reader_.join();
}

void Program::read_outputs() {
    std::array<pollfd, 3> polls{{{.fd = out_fd_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = err_fd_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = stop_reading_fd_.get(), .events = POLLIN, .revents = 0}}};
    std::array<std::string*, 2> texts{&out_, &err_};
    while (polls[0].fd >= 0 || polls[1].fd >= 0) {
        if (poll(polls.data(), polls.size(), -1) < 0) continue;
        if (polls[2].revents != 0) {
            polls[0].fd = polls[2].fd = -1;
            out_fd_.reset();
            continue;
        }
        for (std::size_t index = 0; index < texts.size(); index++) {
            if (polls[index].fd < 0 || polls[index].revents == 0) continue;
            std::string text;
            if (!append(polls[index].fd, text)) polls[index].fd = -1;
            std::lock_guard lock(mutex_);
            texts[index]->append(text);
            changed_.notify_all();
        }
    }
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
}

void Program::stop_reading() {
    std::uint64_t one = 1;
    if (write(stop_reading_fd_.get(), &one, sizeof one) != sizeof one) FAIL("eventfd: " << std::strerror(errno));
}

bool Program::wait_until(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience(), [&] { return condition() || ended_; });
    return condition();
}

bool Program::wait_for_line(const std::function<bool(const std::string&)>& wanted, std::size_t skipped) {
    std::size_t begin = 0, line = 0;
    bool found = false;
    return wait_until([&] {
        for (std::size_t end; !found && (end = out_.find('\n', begin)) != std::string::npos; begin = end + 1)
            found = line++ >= skipped && wanted(out_.substr(begin, end - begin));
        return found;
    });
}

bool Program::wait_for_error(const std::string& text) {
    return wait_until([&] { return err_.find(text) != std::string::npos; });
}

std::size_t Program::line_count() const {
    std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::ranges::count(out_, '\n'));
}

void Program::say(const std::string& line) const {
    std::string text = line + "\n";
    if (write(in_fd_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
        FAIL("its standard input: " << std::strerror(errno));
}

void Program::signal(int number) const { ::kill(pid_, number); }

std::optional<int> Program::wait_exit(std::chrono::milliseconds limit) {
    if (exit_code_) return exit_code_;
    pollfd ended{.fd = pidfd_.get(), .events = POLLIN, .revents = 0};
    const auto ends = TEMP_FAILURE_RETRY(poll(&ended, 1, static_cast<int>(limit.count())));
    if (ends == 0) return std::nullopt;
    int status = 0;
    if (ends < 0 || TEMP_FAILURE_RETRY(waitpid(pid_, &status, 0)) != pid_) {
        std::fprintf(stderr, "waiting for %d: %s\n", pid_, std::strerror(errno));
        return std::nullopt;
    }
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    wait_until([this] { return ended_; });
    return exit_code_;
}

std::optional<int> Program::wait_exit() { return wait_exit(patience()); }

std::string Program::out() const {
    std::lock_guard lock(mutex_);
    return out_;
}

std::string Program::err() const {
    std::lock_guard lock(mutex_);
    return err_;
}

SockeyeProcess::SockeyeProcess(std::vector<std::string> arguments, const Prepare& prepare)
    : Program(sockeye_path(), std::move(arguments), prepare) {}

bool SockeyeProcess::wait_ready() {
    return wait_until([this] { return has_ready_line(err_); });
}

// Without a bounding set an exec as root permits nothing.
void drop_all_capabilities() {
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

Finished run_sockeye(std::vector<std::string> arguments, const Program::Prepare& prepare) {
    SockeyeProcess process(std::move(arguments), prepare);
    std::optional<int> code = process.wait_exit();
    return {.exit_code = code.value_or(-1), .out = process.out(), .err = process.err()};
}

Finished run_program(const std::string& name, std::vector<std::string> arguments) {
    Program program(program_path(name), std::move(arguments));
    std::optional<int> code = program.wait_exit();
    return {.exit_code = code.value_or(-1), .out = program.out(), .err = program.err()};
}

}  // namespace live
