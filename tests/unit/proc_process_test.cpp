// SPDX-License-Identifier: GPL-2.0-only
// Texts of /proc/PID, odd ones too.
#include "sampling/proc_process.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <string>

using namespace sockeye;

TEST_CASE("a process's name may hold brackets and spaces", "[proc_process]") {
    const std::string text =
        "4711 (a) (b) S 17 4711 4711 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200 18446744073709551615 1 1 0 0\n";
    const std::optional<ProcessStat> stat = parse_process_stat(text);
    REQUIRE(stat.has_value());
    CHECK(stat->comm == "a) (b");
    CHECK(stat->state == 'S');
    CHECK(stat->parent == 17);
    CHECK(stat->start_ticks == 98765);
    CHECK_FALSE(stat->kernel_thread);
}

TEST_CASE("a kernel thread says so by its flags, and a zombie by its state", "[proc_process]") {
    const auto thread = parse_process_stat("2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0");
    REQUIRE(thread.has_value());
    CHECK(thread->kernel_thread);
    const auto zombie = parse_process_stat("9 (gone) Z 1 9 9 0 -1 4227084 0 0 0 0 0 0 0 0 20 0 1 0 44 0 0");
    REQUIRE(zombie.has_value());
    CHECK(zombie->state == 'Z');
}

TEST_CASE("a stat that is cut off is none", "[proc_process]") {
    CHECK_FALSE(parse_process_stat("").has_value());
    CHECK_FALSE(parse_process_stat("12 (sh").has_value());
    CHECK_FALSE(parse_process_stat("12 (sh) S 1 12 12").has_value());
}

TEST_CASE("the id in a process's own namespace is the last one", "[proc_process]") {
    CHECK(own_namespace_pid("Name:\tsh\nNSpid:\t4711\t12\t1\nThreads:\t1\n") == 1U);
    CHECK(own_namespace_pid("Name:\tsh\nNSpid:\t4711\n") == 4711U);
    CHECK_FALSE(own_namespace_pid("Name:\tsh\n").has_value());
}

TEST_CASE("limits of descriptors may be unlimited, or missing", "[proc_process]") {
    const std::string head = "Limit                     Soft Limit           Hard Limit           Units     \n";
    const auto usual = parse_descriptor_limits(head + "Max open files            1024                 524288               files     \n");
    REQUIRE(usual.has_value());
    CHECK(usual->soft == 1024);
    CHECK(usual->hard == 524288);
    const auto none = parse_descriptor_limits("Max open files            unlimited            unlimited            files\n");
    REQUIRE(none.has_value());
    CHECK(none->soft == UINT64_MAX);
    CHECK_FALSE(parse_descriptor_limits(head).has_value());
}

TEST_CASE("links name the kinds that have no path", "[proc_process]") {
    struct Case {
        const char* link;
        fd_kind kind;
    };
    for (const Case& each : {Case{"socket:[4711]", FD_KIND_socket}, Case{"pipe:[12]", FD_KIND_pipe},
                             Case{"anon_inode:[eventfd]", FD_KIND_eventfd}, Case{"anon_inode:[eventpoll]", FD_KIND_epoll},
                             Case{"anon_inode:[timerfd]", FD_KIND_timerfd}, Case{"anon_inode:[signalfd]", FD_KIND_signalfd},
                             Case{"anon_inode:inotify", FD_KIND_inotify}, Case{"anon_inode:[io_uring]", FD_KIND_io_uring},
                             Case{"anon_inode:[pidfd]", FD_KIND_pidfd}, Case{"pidfd:[77]", FD_KIND_pidfd},
                             Case{"anon_inode:bpf-map", FD_KIND_bpf}, Case{"anon_inode:bpf_link", FD_KIND_bpf},
                             Case{"anon_inode:btf", FD_KIND_bpf}, Case{"anon_inode:[perf_event]", FD_KIND_perf},
                             Case{"anon_inode:[fanotify]", FD_KIND_fanotify},
                             Case{"anon_inode:[userfaultfd]", FD_KIND_userfaultfd}, Case{"anon_inode:kvm-vm", FD_KIND_other},
                             Case{"/memfd:cache (deleted)", FD_KIND_memfd}, Case{"net:[4026531840]", FD_KIND_other}}) {
        INFO(each.link);
        CHECK(kind_of_link(each.link) == each.kind);
    }
    CHECK_FALSE(kind_of_link("/var/log/socket:[1]").has_value());
}

TEST_CASE("what has a path is told by its inode", "[proc_process]") {
    CHECK(kind_of_inode(S_IFREG | 0644, 0) == FD_KIND_file);
    CHECK(kind_of_inode(S_IFDIR | 0755, 0) == FD_KIND_dir);
    CHECK(kind_of_inode(S_IFIFO | 0600, 0) == FD_KIND_pipe);
    CHECK(kind_of_inode(S_IFBLK | 0600, 8) == FD_KIND_device);
    CHECK(kind_of_inode(S_IFCHR | 0600, 1) == FD_KIND_device);
    CHECK(kind_of_inode(S_IFCHR | 0600, 136) == FD_KIND_tty);
}

TEST_CASE("a socket's link tells its inode number", "[proc_process]") {
    CHECK(socket_inode_of_link("socket:[4294967295]") == 4294967295U);
    CHECK(socket_inode_of_link("pipe:[5]") == 0);
    CHECK(socket_inode_of_link("socket:[5") == 0);
}
