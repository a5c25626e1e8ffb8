// SPDX-License-Identifier: GPL-2.0-only
// act WORD...: a command for `sockeye run` that does what its words say, one after the other, and nothing else.
//   connect PORT N    connects to 127.0.0.1:PORT N times, each time sends its FIN and waits for the other
//   hold PORT         connects, and waits for the other end to close
//   leak N            opens /dev/null N times
//   say TEXT, complain TEXT   a line on stdout, on stderr
//   echo              copies stdin to stdout
//   fds               says its descriptors
//   on-int CODE       says "waits", and waits; SIGINT or SIGTERM ends it with CODE
//   leave-group       leads a process group of its own from now on
//   fork              goes on in a child, and waits for that child
//   orphan            goes on in a child when the parent has ended, without its stdout and stderr
//   exit CODE, kill SIGNAL
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>

#include "support/load/load_support.h"

namespace {

int exit_code_of_signal = 0;

void connect_once(std::uint16_t port, bool closes_first) {
    const int fd = load::check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
        if (closes_first) shutdown(fd, SHUT_WR);
        char byte = 0;
        while (read(fd, &byte, 1) > 0) continue;
    }
    close(fd);
}

void say_descriptors() {
    std::string line;
    DIR* const folder = opendir("/proc/self/fd");
    if (folder == nullptr) load::die("/proc/self/fd");
    while (const dirent* const entry = readdir(folder)) {
        if (entry->d_name[0] != '.' && std::atoi(entry->d_name) != dirfd(folder))
            line += std::string(line.empty() ? "" : " ") + entry->d_name;
    }
    closedir(folder);
    std::puts(line.c_str());
}

void wait_for_signal(int code) {
    exit_code_of_signal = code;
    for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { _exit(exit_code_of_signal); });
    std::puts("waits");
    std::fflush(stdout);
    for (;;) pause();
}

void go_on_in_child() {
    const pid_t child = load::check(fork(), "fork");
    if (child == 0) return;
    int status = 0;
    waitpid(child, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

void go_on_as_orphan() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    const pid_t parent = getpid();
    if (load::check(fork(), "fork") != 0) _exit(0);
    prctl(PR_SET_PDEATHSIG, SIGUSR2);
    const int nowhere = load::check(open("/dev/null", O_WRONLY), "/dev/null");
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) dup2(nowhere, fd);
    close(nowhere);
    if (getppid() != parent) return;  // it was quicker
    int number = 0;
    sigwait(&set, &number);
}

void copy_input() {
    char text[4096];
    for (ssize_t got = 0; (got = read(STDIN_FILENO, text, sizeof text)) > 0;) {
        if (write(STDOUT_FILENO, text, static_cast<std::size_t>(got)) != got) load::die("stdout");
    }
}

}  // namespace

int main(int count, char** values) {
    load::Arguments words(count, values);
    while (words.next()) {
        const std::string_view word = words.name();
        if (word == "connect") {
            const auto port = static_cast<std::uint16_t>(words.number());
            for (unsigned nth = words.number(); nth > 0; --nth) connect_once(port, true);
        } else if (word == "hold") {
            connect_once(static_cast<std::uint16_t>(words.number()), false);
        } else if (word == "leak") {
            for (unsigned nth = words.number(); nth > 0; --nth)
                load::check(open("/dev/null", O_RDONLY | O_CLOEXEC), "open");
        } else if (word == "say") {
            std::puts(words.text());
        } else if (word == "complain") {
            std::fprintf(stderr, "%s\n", words.text());
        } else if (word == "echo") {
            copy_input();
        } else if (word == "fds") {
            say_descriptors();
        } else if (word == "on-int") {
            wait_for_signal(static_cast<int>(words.number()));
        } else if (word == "leave-group") {
            load::check(setpgid(0, 0), "setpgid");
        } else if (word == "fork") {
            go_on_in_child();
        } else if (word == "orphan") {
            go_on_as_orphan();
        } else if (word == "exit") {
            std::fflush(stdout);
            _exit(static_cast<int>(words.number()));
        } else if (word == "kill") {
            kill(getpid(), static_cast<int>(words.number()));
        } else {
            load::usage("no such act: " + std::string(word));
        }
        std::fflush(stdout);
    }
    return 0;
}
