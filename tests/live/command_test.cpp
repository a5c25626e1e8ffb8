// SPDX-License-Identifier: GPL-2.0-only
// doctor, wrong usage, and runs without the needed rights.
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "support/environment.h"
#include "support/load/load_support.h"
#include "support/proc_tables.h"
#include "support/trace.h"

using namespace live;

TEST_CASE("doctor names every row, what was chosen for it, and why not the better ones", "[command]") {
    Finished finished = run_sockeye(std::vector<std::string>{"doctor", "--json"} + hooks_arguments());
    INFO(finished.err);
    REQUIRE(finished.exit_code == 0);
    Json doctor = Json::parse(finished.out, nullptr, false);
    REQUIRE(doctor.is_object());
    REQUIRE(doctor["rows"].is_array());
    CHECK(doctor["rows"].size() >= 8);
    for (const Json& row : doctor["rows"]) {
        CAPTURE(row.dump());
        CHECK(row.contains("row"));
        CHECK(row["hook"].is_string() == row["observed"].get<bool>());
        CHECK(row["refused"].is_array());
        // What is not exact says what that costs.
        if (row["exact"] == false) CHECK(row["cost"].is_string());
    }
    Finished text = run_sockeye(std::vector<std::string>{"doctor"} + hooks_arguments());
    CHECK(text.exit_code == 0);
    CHECK(!text.out.empty());
}

// Tests in a forced tier would prove nothing if another's hooks did the work.
TEST_CASE("a forced tier has hooks of its kind where the kernel has them, and none of a better tier", "[tier]") {
    const std::string tier = forced_hooks();
    if (tier.empty() || tier == "auto") {
        SUCCEED("none is forced");
        return;
    }
    Finished finished = run_sockeye({"doctor", "--json", "--hooks", tier});
    REQUIRE(finished.exit_code == 0);
    unsigned trampolines = 0, kprobes = 0;
    const Json doctor = Json::parse(finished.out);
    for (const Json& row : doctor["rows"]) {
        std::string hook = row["hook"].is_string() ? row["hook"].get<std::string>() : "";
        if (hook.starts_with("fentry/") || hook.starts_with("fexit/")) trampolines++;
        if (hook.starts_with("kprobe/") || hook.starts_with("kretprobe/")) kprobes++;
    }
    const bool has_trampolines = !first_line("/sys/kernel/tracing/available_filter_functions").empty();
    const bool has_kprobes = !first_line("/sys/bus/event_source/devices/kprobe/type").empty();
    CHECK((trampolines > 0) == (tier == "trampoline" && has_trampolines));
    if (tier != "trampoline") CHECK((kprobes > 0) == (tier == "kprobe" && has_kprobes));
}

TEST_CASE("wrong usage ends with 2 and a line that names the value", "[command]") {
    struct Wrong {
        std::vector<std::string> arguments;
        std::string named;
    };
    const std::vector<Wrong> wrongs = {
        {{"trace", "--no-such-option"}, "--no-such-option"},
        {{"frobnicate"}, "frobnicate"},
        {{"trace", "-p", "99999999"}, "99999999"},
        {{"trace", "-p", "abc"}, "abc"},
        {{"trace", "-a", "10.0.0.0/64"}, "10.0.0.0/64"},
        {{"trace", "-a", "example"}, "example"},
        {{"trace", "-P", "70000"}, "70000"},
        {{"trace", "-P", "90-80"}, "90-80"},
        {{"trace", "--state", "OPEN"}, "OPEN"},
        {{"trace", "-e", "conect"}, "conect"},
        {{"trace", "-d", "5parsecs"}, "5parsecs"},
        {{"trace", "-i", "0s"}, "0s"},
        {{"trace", "--hooks", "magic"}, "magic"},
        {{"trace", "--ring-size", "3"}, "3"},
        {{"trace", "-o", "xml"}, "xml"},
        {{"trace", "surplus"}, "surplus"},
        {{"trace", "--netns", "x"}, "x"},
        {{"replay", "/no/such/recording"}, "/no/such/recording"},
        {{"record", "/no/such/folder/recording"}, "/no/such/folder/recording"},
        {{"record"}, "FILE"},
    };
    for (const Wrong& wrong : wrongs) {
        Finished finished = run_sockeye(wrong.arguments);
        std::string command;
        for (const std::string& argument : wrong.arguments) command += argument + " ";
        INFO(command << "→ " << finished.exit_code << ": " << finished.err);
        CHECK(finished.exit_code == 2);
        CHECK(finished.err.find(wrong.named) != std::string::npos);
        CHECK(finished.out.empty());
    }
}

TEST_CASE("without capabilities a command that needs events ends with 4 and names what is missing", "[command]") {
    const std::vector<std::vector<std::string>> commands = {
        {"trace"}, {"record", scratch_folder() + "/none.rec"}, {"run", "--", "true"}};
    for (const std::vector<std::string>& command : commands) {
        Finished finished = run_sockeye(command, [] { drop_all_capabilities(); });
        INFO(command[0] << ": " << finished.err);
        CHECK(finished.exit_code == 4);
        CHECK(finished.err.find("CAP_BPF") != std::string::npos);
        CHECK(finished.out.empty());
    }
}

namespace {

// In a child that is about to become sockeye: goes on as the first process of a pid namespace of its own.
void enter_new_pid_namespace() {
    load::check(unshare(CLONE_NEWPID), "unshare(CLONE_NEWPID)");
    const pid_t first = load::check(fork(), "fork");
    if (first == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        return;
    }
    int status = 0;
    load::check(waitpid(first, &status, 0), "waitpid");
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

}  // namespace

// There its process ids would be others than the ones that the kernel's programs see.
TEST_CASE("in a container's pid namespace nothing is traced, and the remedy is named", "[command]") {
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"trace"}, {"run", "--assert", "connects.failed == 0", "--", "true"}}) {
        Finished finished = run_sockeye(command, enter_new_pid_namespace);
        INFO(command[0] << ": " << finished.err);
        CHECK(finished.exit_code == 4);
        CHECK(finished.err.find("--pid=host") != std::string::npos);
        CHECK(finished.out.empty());
    }
}
