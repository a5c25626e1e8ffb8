// SPDX-License-Identifier: GPL-2.0-only
// The choice of hooks, on kernels as they were measured.
#include "probes/plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <set>

#include "probes/probe_table.h"
#include "sockeye/event.h"

using namespace sockeye;

namespace {

// A kernel that refuses some kinds of hooks, or some places.
struct FakeKernel {
    KernelFacts facts;
    std::set<HookKind> refused_kinds;
    std::set<std::string> refused_hooks;
    std::set<std::string> forbidden_hooks;  // there, and refused

    FakeKernel(KernelVersion version, Preemption preemption) {
        facts.version = version;
        facts.preemption = preemption;
    }
    FakeKernel& without(HookKind kind) {
        refused_kinds.insert(kind);
        return *this;
    }
    FakeKernel& without(const std::string& hook) {
        refused_hooks.insert(hook);
        return *this;
    }
    FakeKernel& forbidding(const std::string& hook) {
        forbidden_hooks.insert(hook);
        return *this;
    }
    // inet_csk_accept() is the only function whose arguments matter.
    [[nodiscard]] int accept_arguments() const { return facts.version < KernelVersion{6, 10} ? 4 : 2; }
    [[nodiscard]] ProbePlan plan(FeatureSet features, HookTier tier = HookTier::automatic,
                                 PidFilter pid_filter = PidFilter::absent) const {
        return choose_hooks({features, tier, pid_filter}, facts, [this](const Attachment& attachment) {
            const std::string name = hook_name(attachment);
            if (attachment.target == "inet_csk_accept" && attachment.arguments >= 0 &&
                attachment.arguments != accept_arguments())
                return HookTrial{EINVAL, "EINVAL: other arguments", {}};
            if (refused_kinds.contains(attachment.kind) || refused_hooks.contains(name))
                return HookTrial{ENOENT, "ENOENT: not here", "another kernel for " + name};
            if (forbidden_hooks.contains(name)) return HookTrial{EINVAL, "EINVAL at load", {}};
            return HookTrial{};
        });
    }
};

// Debian's 6.1: cooperative, everything can be hooked, the old name of the hashing function.
FakeKernel debian_6_1() {
    return FakeKernel({6, 1}, Preemption::voluntary)
        .without("fentry/inet_twsk_hashdance_schedule")
        .without("kprobe/inet_twsk_hashdance_schedule")
        .without("fentry/file_close_fd_locked")
        .without("kprobe/file_close_fd_locked");
}
// 7.3 preempts lazily, and so loses events of tp_btf, fentry and fexit programs.
FakeKernel lazy_7_3() { return FakeKernel({7, 3}, Preemption::lazy); }
// A kernel without trampolines and kprobes.
FakeKernel bare_6_18() {
    FakeKernel kernel({6, 18}, Preemption::none);
    kernel.without(HookKind::fentry).without(HookKind::fexit);
    kernel.without(HookKind::kprobe).without(HookKind::kretprobe);
    return kernel;
}

std::string hook_of(const ProbePlan& plan, std::string_view row) {
    const PlannedRow* const found = plan.find(row);
    return found == nullptr ? "no such row" : found->observed ? found->hook : "not observed";
}

constexpr FeatureSet kTcp = FeatureSet(Feature::tcp_state) | Feature::time_wait | Feature::accept_owner;

}  // namespace

TEST_CASE("a cooperative kernel gets the cheapest hooks", "[plan]") {
    const ProbePlan plan = debian_6_1().plan(kTcp | Feature::descriptors);
    CHECK(hook_of(plan, "tcp_state") == "tp_btf/inet_sock_set_state");
    CHECK(hook_of(plan, "tcp_state_second_chance") == "tp_btf/inet_sock_set_state");
    CHECK(plan.find("tcp_state_third_chance") == nullptr);
    CHECK(hook_of(plan, "time_wait_enter") == "fentry/inet_twsk_hashdance");
    CHECK(hook_of(plan, "time_wait_leave") == "fentry/tcp_twsk_destructor");
    CHECK(hook_of(plan, "accept_owner") == "fexit/inet_csk_accept");
    CHECK(plan.find("accept_owner")->programs == std::vector<std::string>{"accept_fexit_before_6_10"});
    CHECK(hook_of(plan, "descriptors") == "fentry/{fd_install,do_dup2,pick_file,do_close_on_exec}");
    CHECK(plan.time_wait_exact());
}

TEST_CASE("a kernel that loses tp_btf and fentry events gets classic tracepoints and kprobes", "[plan]") {
    const ProbePlan plan = lazy_7_3().plan(kTcp | Feature::descriptors | Feature::socket_close | Feature::processes);
    CHECK(hook_of(plan, "tcp_state") == "tp/sock/inet_sock_set_state");
    CHECK(hook_of(plan, "tcp_state_second_chance") == "tp_btf/inet_sock_set_state");
    CHECK(plan.find("tcp_state_second_chance")->exact);
    CHECK(hook_of(plan, "tcp_state_third_chance") == "tp_btf/inet_sock_set_state");
    CHECK(hook_of(plan, "accept_owner") == "tp/raw_syscalls/sys_exit");
    CHECK(hook_of(plan, "descriptors") == "kprobe/{fd_install,do_dup2,file_close_fd_locked,do_close_on_exec}");
    CHECK(hook_of(plan, "socket_close") == "kprobe/sock_close");
    CHECK(hook_of(plan, "process_exit") == "tp/sched/sched_process_exit");
}

TEST_CASE("functions that run in softirqs are hooked by fentry on every kernel but a real-time one", "[plan]") {
    FakeKernel kernel = lazy_7_3();
    CHECK(hook_of(kernel.plan(kTcp), "time_wait_enter") == "fentry/inet_twsk_hashdance_schedule");
    CHECK(hook_of(kernel.plan(kTcp), "time_wait_turn") == "fentry/__inet_twsk_schedule");
    CHECK(hook_of(kernel.plan(kTcp), "time_wait_leave") == "fentry/tcp_twsk_destructor");
    CHECK(kernel.plan(kTcp).time_wait_exact());
    CHECK(kernel.plan(kTcp).find("time_wait_enter")->exact);
    CHECK(hook_of(kernel.plan(kTcp), "time_wait_overflow") == "fexit/inet_twsk_alloc");
    CHECK(hook_of(kernel.plan(kTcp), "time_wait_segments") == "fentry/tcp_timewait_state_process");
    CHECK(kernel.plan(kTcp).time_wait_hooks() == (WIRE_HOOKS_MINISOCKS | WIRE_HOOKS_OVERFLOWS));
    FakeKernel without_repair = lazy_7_3().without(HookKind::fexit);
    CHECK_FALSE(without_repair.plan(kTcp).find("time_wait_enter")->exact);
    CHECK_THAT(without_repair.plan(kTcp).find("time_wait_enter")->cost, Catch::Contains("0.3 %"));
    CHECK(without_repair.plan(kTcp).time_wait_hooks() == WIRE_HOOKS_MINISOCKS);
    kernel.facts.realtime = true;
    CHECK(hook_of(kernel.plan(kTcp), "time_wait_enter") == "kprobe/inet_twsk_hashdance_schedule");
}

TEST_CASE("a fully preemptible kernel below 7.0 gets the classic tracepoint for states", "[plan]") {
    const ProbePlan plan = FakeKernel({6, 1}, Preemption::full).plan(kTcp | Feature::accept_calls);
    CHECK(hook_of(plan, "tcp_state") == "tp/sock/inet_sock_set_state");
    CHECK(hook_of(plan, "accept_calls") == "tp/syscalls/sys_exit_{accept,accept4}");
}

TEST_CASE("unknown preemption counts as preemptible", "[plan]") {
    const ProbePlan plan = FakeKernel({6, 12}, Preemption::unknown).plan(Feature::socket_close);
    CHECK(hook_of(plan, "socket_close") == "kprobe/sock_close");
}

TEST_CASE("on a lazy kernel below 7.0 a kprobe is preferred and fentry still counts as exact", "[plan]") {
    FakeKernel kernel({6, 18}, Preemption::lazy);
    CHECK(hook_of(kernel.plan(Feature::socket_close), "socket_close") == "kprobe/sock_close");
    const ProbePlan plan = kernel.without(HookKind::kprobe).plan(Feature::socket_close);
    CHECK(hook_of(plan, "socket_close") == "fentry/sock_close");
    CHECK(plan.find("socket_close")->exact);
}

TEST_CASE("a real-time kernel without kprobes infers rather than loses", "[plan]") {
    FakeKernel kernel({6, 12}, Preemption::full);
    kernel.facts.realtime = true;
    const ProbePlan plan = kernel.without(HookKind::kprobe).plan(kTcp);
    CHECK(hook_of(plan, "time_wait_enter") == "inference from inet_sock_set_state");
    CHECK_FALSE(plan.time_wait_exact());
}

TEST_CASE("without trampolines and kprobes tracepoints do, and the plan says what that costs", "[plan]") {
    const ProbePlan plan = bare_6_18().plan(kTcp | Feature::socket_close);
    CHECK(hook_of(plan, "tcp_state") == "tp_btf/inet_sock_set_state");
    CHECK(hook_of(plan, "accept_owner") == "tp/syscalls/sys_exit_{accept,accept4}");
    CHECK(hook_of(plan, "socket_close") == "tp/syscalls/sys_enter_{close,close_range,dup2,dup3,execve,execveat}");
    const PlannedRow& leave = *plan.find("time_wait_leave");
    CHECK(leave.kind == HookKind::polling);
    CHECK_FALSE(leave.exact);
    CHECK_FALSE(leave.cost.empty());
    CHECK_THAT(leave.remedy, Catch::Contains("another kernel for fentry/tcp_twsk_destructor"));
    REQUIRE(leave.refused.size() == 2);
    CHECK(leave.refused[0].hook == "fentry/tcp_twsk_destructor");
    CHECK(leave.refused[0].reason == "ENOENT: not here");
    CHECK_FALSE(plan.time_wait_exact());
}

TEST_CASE("minisocks are hooked at birth and end or not at all", "[plan]") {
    const ProbePlan plan = debian_6_1().without("fentry/tcp_twsk_destructor").without("kprobe/tcp_twsk_destructor").plan(kTcp);
    CHECK(plan.find("time_wait_enter")->kind == HookKind::inference);
    CHECK(plan.find("time_wait_turn")->kind == HookKind::polling);
    CHECK(plan.find("time_wait_enter")->attachments.empty());
    CHECK_FALSE(plan.time_wait_exact());
}

TEST_CASE("a missing turn hook leaves birth and end hooked", "[plan]") {
    const ProbePlan plan = debian_6_1().without("fentry/__inet_twsk_schedule").without("kprobe/__inet_twsk_schedule").plan(kTcp);
    CHECK(plan.find("time_wait_turn")->kind == HookKind::polling);
    CHECK(plan.time_wait_exact());
}

TEST_CASE("a minisock's end is heard before its birth, and both before the states that lead there", "[plan]") {
    const ProbePlan plan = debian_6_1().plan(kTcp);
    std::vector<std::string> order;
    for (const PlannedRow* const row : plan.in_attach_order()) order.push_back(row->row);
    CHECK(order.size() == plan.rows.size());
    const auto place = [&](const char* row) { return std::ranges::find(order, row) - order.begin(); };
    CHECK(place("time_wait_second_chance") < place("time_wait_leave"));
    CHECK(place("time_wait_leave") < place("time_wait_turn"));
    CHECK(place("time_wait_leave") < place("time_wait_overflow"));
    CHECK(place("time_wait_turn") < place("time_wait_enter"));
    CHECK(place("time_wait_overflow") < place("time_wait_enter"));
    CHECK(place("time_wait_enter") < place("tcp_state"));
    CHECK(place("tcp_state") < place("tcp_state_second_chance"));
    CHECK(place("tcp_state_second_chance") < place("tcp_table"));
}

TEST_CASE("a forced tier uses its hooks even where they lose events, and says so", "[plan]") {
    const ProbePlan plan = lazy_7_3().plan(kTcp | Feature::socket_close, HookTier::trampoline);
    CHECK(hook_of(plan, "socket_close") == "fentry/sock_close");
    CHECK_FALSE(plan.find("socket_close")->exact);
    CHECK_THAT(plan.find("socket_close")->cost, Catch::Contains("counted as lost"));
    CHECK(hook_of(plan, "tcp_state") == "tp/sock/inet_sock_set_state");
}

TEST_CASE("the kprobe tier uses the kretprobe that nothing else would take", "[plan]") {
    CHECK(hook_of(debian_6_1().plan(kTcp, HookTier::kprobe), "accept_owner") == "kretprobe/inet_csk_accept");
    const ProbePlan automatic = debian_6_1().without(HookKind::fexit).plan(kTcp);
    CHECK(hook_of(automatic, "accept_owner") == "tp/syscalls/sys_exit_{accept,accept4}");
}

TEST_CASE("the tracepoint tier takes neither trampolines nor kprobes", "[plan]") {
    const ProbePlan plan = debian_6_1().plan(FeatureSet(0x1ff), HookTier::tracepoint);
    for (const PlannedRow& row : plan.rows) {
        CAPTURE(row.row, row.hook);
        CHECK(row.observed);
        CHECK(row.kind != HookKind::fentry);
        CHECK(row.kind != HookKind::fexit);
        CHECK(row.kind != HookKind::kprobe);
        CHECK(row.kind != HookKind::kretprobe);
    }
    CHECK_FALSE(plan.time_wait_exact());
}

TEST_CASE("without CAP_SYS_ADMIN tp_btf replaces classic tracepoints", "[plan]") {
    const ProbePlan plan = lazy_7_3()
                               .without(HookKind::tracepoint)
                               .without(HookKind::syscall_tracepoint)
                               .without(HookKind::kprobe)
                               .plan(kTcp | Feature::connect_calls);
    CHECK(hook_of(plan, "tcp_state") == "tp_btf/inet_sock_set_state");
    CHECK_FALSE(plan.find("tcp_state")->exact);
    CHECK_THAT(plan.find("tcp_state")->remedy, Catch::Contains("tp/sock/inet_sock_set_state"));
    CHECK(hook_of(plan, "connect_calls") == "tp_btf/sys_exit");
}

TEST_CASE("no syscall is hooked unless something asked for needs it", "[plan]") {
    for (const PlannedRow& row : debian_6_1().plan(kTcp | Feature::processes).rows) {
        CAPTURE(row.row, row.hook);
        CHECK(row.kind != HookKind::syscall_tracepoint);
        CHECK(row.hook.find("sys_exit") == std::string::npos);
    }
}

TEST_CASE("accept calls tell the acceptor, too, with one program", "[plan]") {
    const ProbePlan plan = debian_6_1().plan(kTcp | Feature::accept_calls);
    CHECK(plan.find("accept_owner")->programs == plan.find("accept_calls")->programs);
    CHECK(hook_of(plan, "accept_owner") == hook_of(plan, "accept_calls"));
}

TEST_CASE("a row without any hook is not observed and the others stay", "[plan]") {
    const ProbePlan plan =
        bare_6_18()
            .without(HookKind::syscall_tracepoint)
            .without(HookKind::btf_tracepoint)
            .without("tp/raw_syscalls/sys_exit")
            .plan(kTcp | Feature::connect_calls);
    CHECK_FALSE(plan.find("connect_calls")->observed);
    CHECK(plan.find("connect_calls")->programs.empty());
    CHECK_FALSE(plan.find("connect_calls")->remedy.empty());
    CHECK(hook_of(plan, "tcp_state") == "tp/sock/inet_sock_set_state");
}

TEST_CASE("optional places are left out where the kernel lacks them", "[plan]") {
    FakeKernel kernel = bare_6_18();
    const ProbePlan plan = kernel.without("tp/syscalls/sys_exit_open_tree_attr").plan(Feature::descriptors);
    const PlannedRow& row = *plan.find("descriptors");
    CHECK(row.kind == HookKind::syscall_tracepoint);
    for (const Attachment& attachment : row.attachments) CHECK(attachment.target != "syscalls/sys_exit_open_tree_attr");
}

TEST_CASE("an optional place that the kernel has and refuses is told, and the row is not exact", "[plan]") {
    FakeKernel kernel({6, 1}, Preemption::voluntary);
    CHECK(kernel.plan(Feature::time_wait).find("time_wait_second_chance")->without.empty());
    const ProbePlan plan =
        kernel.forbidding("fexit/inet_twsk_hashdance_schedule").plan(Feature::time_wait);
    const PlannedRow& row = *plan.find("time_wait_second_chance");
    REQUIRE(row.without.size() == 1);
    CHECK(row.without[0].hook == "fexit/inet_twsk_hashdance_schedule");
    CHECK(row.cost.find("without fexit/inet_twsk_hashdance_schedule: EINVAL at load") != std::string::npos);
    CHECK_FALSE(row.exact);
}

namespace {

std::vector<std::string> close_get_targets(FakeKernel kernel) {
    std::vector<std::string> targets;
    const ProbePlan plan = kernel.without("fentry/file_close_fd_locked").plan(Feature::descriptors);
    for (const Attachment& attachment : plan.find("descriptors")->attachments)
        if (attachment.program == "fd_close_get_fentry") targets.emplace_back(attachment.target);
    return targets;
}

}  // namespace

TEST_CASE("a place that newer kernels reach another way is hooked on old kernels only", "[plan]") {
    CHECK(close_get_targets(FakeKernel({6, 1}, Preemption::voluntary)).empty());
    CHECK(close_get_targets(FakeKernel({5, 10}, Preemption::voluntary)).size() == 1);
}

TEST_CASE("a fallback is hooked only where the place before it is missing", "[plan]") {
    FakeKernel kernel({5, 15}, Preemption::voluntary);
    CHECK(close_get_targets(kernel) == std::vector<std::string>{"__close_fd_get_file"});
    kernel.without("fentry/__close_fd_get_file");
    CHECK(close_get_targets(kernel) == std::vector<std::string>{"close_fd_get_file"});
}

TEST_CASE("the kernel's tables are planned whatever was asked for", "[plan]") {
    const ProbePlan plan = FakeKernel({5, 10}, Preemption::voluntary).without("iter/unix").plan({});
    CHECK(hook_of(plan, "tcp_table") == "iter/tcp");
    CHECK(hook_of(plan, "unix_table") == "not observed");
    CHECK(plan.find("tcp_state") == nullptr);
}

TEST_CASE("without the right to enter network namespaces socket tables are told to be partial", "[plan]") {
    FakeKernel kernel = debian_6_1();
    kernel.facts.can_enter_netns = false;
    const ProbePlan plan = kernel.plan({});
    CHECK_FALSE(plan.find("tcp_table")->exact);
    CHECK_THAT(plan.find("unix_table")->cost, Catch::Contains("own network namespace"));
    CHECK(plan.find("process_table")->exact);
}

TEST_CASE("pids are forgotten by a hook only where the kernel filters by pid", "[plan]") {
    CHECK(debian_6_1().plan(Feature::processes).find("process_free") == nullptr);
    const ProbePlan plan = debian_6_1().plan(Feature::processes, HookTier::automatic, PidFilter::in_kernel);
    CHECK(hook_of(plan, "process_free") == "tp_btf/sched_process_free");
}

TEST_CASE("every row's hooks are named, and inexact ones say what they cost", "[plan]") {
    for (const ProbePoint& point : probe_table()) {
        CAPTURE(point.row);
        CHECK_FALSE(point.alternatives.empty());
        for (const Alternative& alternative : point.alternatives) {
            CHECK((!alternative.hook.empty() || alternative.attachments.size() == 1));
            if (alternative.trust != Trust::exact) CHECK_FALSE(alternative.cost.empty());
        }
    }
}
