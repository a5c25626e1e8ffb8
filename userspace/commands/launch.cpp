// SPDX-License-Identifier: GPL-2.0-only
// fork, a gate, exec. The failure of an exec comes back through a pipe that a successful one closes.
#include "commands/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace sockeye {

namespace {

Error system_error(std::string_view what) { return Error(fmt::format("{}: {}", what, std::strerror(errno))); }

Error cannot_run(const std::string& word, int error) {
    const bool missing = error == ENOENT || error == ENOTDIR;
    return Error(fmt::format("run: '{}' can't be run: {}{}", word, std::strerror(error),
                             missing ? "; the name of a program in PATH, or a path with a slash" : ""),
                 missing ? ExitCode::not_found : ExitCode::not_executable);
}

// 0: a file that may be executed.
int executable_error(const std::string& path) {
    struct stat found {};
    if (stat(path.c_str(), &found) != 0) return errno;
    if (S_ISDIR(found.st_mode)) return EISDIR;
    return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

Result<std::array<UniqueFd, 2>> make_pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return system_error("cannot make a pipe");
    return std::array<UniqueFd, 2>{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> list;
    for (std::string& word : words) list.push_back(word.data());
    list.push_back(nullptr);
    return list;
}

// What the child needs, made before the fork.
struct Start {
    std::string program;
    std::vector<std::string> words;
    const std::optional<UserIdentity>& user;
    sigset_t mask;
    void (*on_child_end)(int);
};

int become(const UserIdentity& user) {
    if (setgroups(user.groups.size(), user.groups.data()) != 0 || setgid(user.gid) != 0 || setuid(user.uid) != 0)
        return errno;
    if (user.home.empty()) return 0;
    setenv("HOME", user.home.c_str(), 1);
    setenv("USER", user.name.c_str(), 1);
    setenv("LOGNAME", user.name.c_str(), 1);
    setenv("SHELL", user.shell.c_str(), 1);
    return 0;
}

// As execvp(3) does it: a script without an interpreter is the shell's. Returns why it failed.
int execute(Start& start) {
    std::vector<char*> arguments = pointers(start.words);
    execv(start.program.c_str(), arguments.data());
    if (errno != ENOEXEC) return errno;
    std::vector<std::string> script = {"sh", start.program};
    script.insert(script.end(), start.words.begin() + 1, start.words.end());
    arguments = pointers(script);
    execv("/bin/sh", arguments.data());
    return errno;
}

[[noreturn]] void run_child(Start& start, int gate, int failure) {
    char go = 0;
    ssize_t got = 0;
    do {
        got = read(gate, &go, 1);
    } while (got < 0 && errno == EINTR);
    if (got != 1) _exit(0);
    int error = start.user.has_value() ? become(*start.user) : 0;
    std::signal(SIGPIPE, inherited_pipe_handler);
    std::signal(SIGCHLD, start.on_child_end);
    sigprocmask(SIG_SETMASK, &start.mask, nullptr);
    if (error == 0) error = execute(start);
    // Nobody is left to tell if this fails; the exit code says it, too.
    if (write(failure, &error, sizeof error) != sizeof error) _exit(1);
    _exit(error == ENOENT ? 127 : 126);
}

}  // namespace

Result<std::string> find_program(const std::string& word) {
    if (word.find('/') != std::string::npos) {
        if (const int error = executable_error(word); error != 0) return cannot_run(word, error);
        return word;
    }
    const char* const variable = std::getenv("PATH");
    const std::string_view path = variable != nullptr ? variable : "/bin:/usr/bin";
    int refused = ENOENT;
    for (std::size_t begin = 0; begin <= path.size() && !word.empty();) {
        const std::size_t colon = std::min(path.find(':', begin), path.size());
        const std::string folder(path.substr(begin, colon - begin));
        const std::string file = folder.empty() ? word : folder + '/' + word;
        const int error = executable_error(file);
        if (error == 0) return folder.empty() ? "./" + word : file;
        if (error == EACCES) refused = EACCES;
        begin = colon + 1;
    }
    return cannot_run(word, refused);
}

Result<LaunchedCommand> LaunchedCommand::prepare(const std::vector<std::string>& words,
                                                 const std::optional<UserIdentity>& user, Orphans orphans) {
    Result<std::string> program = find_program(words.front());
    if (!program) return program.error();
    if (orphans == Orphans::adopted && prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        return system_error("cannot adopt orphaned descendants");
    Result<std::array<UniqueFd, 2>> gate = make_pipe();
    if (!gate) return gate.error();
    Result<std::array<UniqueFd, 2>> failure = make_pipe();
    if (!failure) return failure.error();
    Start start{.program = *program, .words = words, .user = user, .mask = {}, .on_child_end = nullptr};
    sigprocmask(SIG_SETMASK, nullptr, &start.mask);
    // Ignored, its end could not be waited for.
    start.on_child_end = std::signal(SIGCHLD, SIG_DFL);
    const pid_t pid = fork();
    if (pid < 0) return system_error("cannot fork");
    if (pid == 0) {
        (*gate)[1].reset();
        run_child(start, (*gate)[0].get(), (*failure)[1].get());
    }
    return LaunchedCommand(pid, words.front(), std::move((*gate)[1]), std::move((*failure)[0]));
}

Result<void> LaunchedCommand::release() {
    // If it has been killed meanwhile there is no reader, and no failure either: its status tells.
    const char go = 1;
    const bool told = write(gate_.get(), &go, 1) == 1;
    gate_.reset();
    if (!told && errno != EPIPE) return system_error("cannot start the command");
    released_ = true;
    int error = 0;
    ssize_t got = 0;
    do {
        got = read(failure_.get(), &error, sizeof error);
    } while (got < 0 && errno == EINTR);
    failure_.reset();
    if (got == sizeof error) return cannot_run(program_, error);
    return {};
}

void LaunchedCommand::reap() {
    for (;;) {
        int status = 0;
        const pid_t ended = waitpid(-1, &status, WNOHANG);
        if (ended == pid_) status_ = status;
        if (ended < 0 && errno == ECHILD) all_ended_ = true;
        if (ended <= 0) return;
    }
}

void LaunchedCommand::wait() {
    sigset_t awaited;
    sigemptyset(&awaited);
    for (const int number : signals_to_pass_on()) sigaddset(&awaited, number);
    sigaddset(&awaited, SIGCHLD);
    sigprocmask(SIG_BLOCK, &awaited, nullptr);
    for (reap(); !ended() && !all_ended(); reap()) {
        siginfo_t info{};
        const int number = sigwaitinfo(&awaited, &info);
        if (number > 0 && number != SIGCHLD) pass_on(number, info.si_code);
    }
}

std::vector<int> LaunchedCommand::signals_to_pass_on() {
    std::vector<int> numbers;
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
        struct sigaction present {};
        sigaction(number, nullptr, &present);
        if (present.sa_handler != SIG_IGN) numbers.push_back(number);
    }
    return numbers;
}

// The terminal signals its foreground process group as a whole, so the command has it already unless it has left that
// group; but when the terminal goes away only the leader of its session is told. What a process sends to us alone is
// meant for the command.
void LaunchedCommand::pass_on(int number, int code) const {
    const bool has_it = code == SI_KERNEL && number != SIGHUP && getpgid(pid_) == getpgrp();
    if (!ended() && !has_it) kill(pid_, number);
}

}  // namespace sockeye
