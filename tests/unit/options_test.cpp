// SPDX-License-Identifier: GPL-2.0-only
// Command lines, good and bad, up to the values and messages that come of them.
#include "commands/options.h"

#include <array>
#include <catch2/catch.hpp>

#include "commands/usage.h"

using namespace sockeye;
using namespace std::chrono_literals;

namespace {

Result<ExitCode> run_nothing(const Options&) { return ExitCode::done; }

constexpr std::array kCommands = {
    Command{"top", "frames",
            [](CLI::App& app, Options& options) {
                add_options(app, kFilterOptions | kBatchOption | kDurationOption, options);
            },
            run_nothing},
    Command{"trace", "events",
            [](CLI::App& app, Options& options) {
                add_options(app,
                            kFilterOptions | kOutputOptions | kTimestampOption | kDurationOption |
                                kIntervalOption | kHookOptions,
                            options);
            },
            run_nothing},
};

struct Parsed {
    std::string command;
    Options options;
    std::string error;
};

Parsed parse(std::vector<std::string> arguments) {
    Parsed parsed;
    const Result<Invocation> invocation = parse_command_line(kCommands, std::move(arguments), parsed.options);
    if (!invocation) {
        CHECK(invocation.error().exit_code == ExitCode::usage);
        CHECK(invocation.error().message.find('\n') == std::string::npos);
        parsed.error = invocation.error().message;
    } else if (invocation->command != nullptr) {
        parsed.command = invocation->command->name;
    } else {
        parsed.command = invocation->text;
    }
    return parsed;
}

}  // namespace

TEST_CASE("without a command it is top", "[options]") {
    CHECK(parse({}).command == "top");
    const Parsed parsed = parse({"--batch", "-d", "3s"});
    CHECK(parsed.command == "top");
    CHECK(parsed.options.batch);
    CHECK(parsed.options.duration == 3s);
}

TEST_CASE("lists and repetitions of an option add up", "[options]") {
    const Parsed parsed = parse({"trace", "-p1,2", "-p", "3", "-P", "80", "--port=8000-8100", "-n", "a*", "-n",
                                 "b", "-a", "10.0.0.0/8,::1", "-e", "connect", "--event", "accept", "-4", "-x"});
    CHECK(parsed.error.empty());
    CHECK(parsed.options.filter.pids == std::unordered_set<std::uint32_t>{1, 2, 3});
    CHECK(parsed.options.filter.ports.size() == 2);
    CHECK(parsed.options.filter.comms == std::vector<std::string>{"a*", "b"});
    CHECK(parsed.options.filter.addresses.size() == 2);
    CHECK(parsed.options.filter.kinds.count() == 2);
    CHECK(parsed.options.filter.ipv4_only);
    CHECK(parsed.options.filter.failed_only);
}

TEST_CASE("of a repeated single value the last one counts", "[options]") {
    const Parsed parsed = parse(
        {"trace", "-d", "1s", "-d", "2s", "--json", "-i", "500ms", "--hooks", "kprobe", "--ring-size", "64K"});
    CHECK(parsed.options.duration == 2s);
    CHECK(parsed.options.interval == 500ms);
    CHECK(parsed.options.output == OutputFormat::json);
    CHECK(parsed.options.tier == HookTier::kprobe);
    CHECK(parsed.options.ring_bytes == 65536);
}

TEST_CASE("what is wrong is named, with what would be right", "[options]") {
    CHECK(parse({"trase"}).error == "command: 'trase' is no command: did you mean trace? Else one of top, trace");
    CHECK(parse({"trace", "--port", "70000"}).error ==
          "--port: '70000' is no port or range of ports: 1 to 65535, ranges as 8000-8100, joined by commas");
    CHECK(parse({"trace", "--flow"}).error ==
          "--flow: '--flow' is no option of trace: did you mean --follow? Else see `sockeye trace --help`");
    CHECK(parse({"trace", "nginx"}).error == "trace: 'nginx' is one word too many: see `sockeye trace --help`");
    CHECK(parse({"trace", "-d", "30"}).error ==
          "--duration: '30' is no duration: a number and its unit, as 500ms, 30s, 5m or 1h");
    CHECK(parse({"trace", "-d"}).error ==
          "--duration: '' is no value: TIME, stop this long after ready, as 500ms, 30s, 5m [until Ctrl-C]");
    CHECK(parse({"trace", "--follow"}).error == "--follow: '' has nobody to follow: add --pid PID");
    CHECK(parse({"top", "--json"}).error.starts_with("--json: '--json' is no option of top: "));
}

TEST_CASE("every kind of wrong value is refused", "[options]") {
    const std::vector<std::vector<std::string>> lines = {
        {"trace", "-p", "0"},           {"trace", "-p", "nginx"},
        {"trace", "-n", "[a"},          {"trace", "-L", "0"},
        {"trace", "-D", "1-"},          {"trace", "-a", "10.0.0.0/40"},
        {"trace", "--cgroup", "x"},     {"trace", "--container", "XY"},
        {"trace", "--netns", "x"},      {"trace", "--state", "OPEN"},
        {"trace", "-e", "conect"},      {"trace", "-i", "1ms"},
        {"trace", "-d", "-5s"},         {"trace", "-d", "0s"},
        {"trace", "-o", "xml"},         {"trace", "--hooks", "xdp"},
        {"trace", "--ring-size", "3K"}, {"trace", "--ring-size", "1"},
        {"trace", "--ring-size", "2G"}, {"trace", "-p"},
        {"trace", "--port="},
    };
    for (const std::vector<std::string>& line : lines) {
        INFO(line[1] << (line.size() > 2 ? " " + line[2] : ""));
        CHECK_FALSE(parse(line).error.empty());
    }
}

TEST_CASE("help names every option with its unit and default", "[options]") {
    const std::string help = parse({"trace", "--help"}).command;
    for (const char* part :
         {"-p,--pid PID[,PID]", "-d,--duration TIME", "[until Ctrl-C]", "--ring-size BYTES", "-4"})
        CHECK(help.find(part) != std::string::npos);
    CHECK(parse({"--help"}).command.find("trace") != std::string::npos);
    CHECK(parse({"--version"}).command.starts_with("sockeye "));
}

TEST_CASE("durations have a unit", "[options]") {
    CHECK(*parse_duration("500ms") == 500ms);
    CHECK(*parse_duration("1.5s") == 1500ms);
    CHECK(*parse_duration("5m") == 5min);
    CHECK(*parse_duration("1h") == 1h);
    for (const char* wrong : {"", "s", "5", "5 s", "-5s", "5sec", "1e9s", "inf", "nan", "nans", "infs", "99999h", "0ms"})
        CHECK_FALSE(parse_duration(wrong).ok());
}

TEST_CASE("ring sizes are powers of two", "[options]") {
    CHECK(*parse_ring_size("64K") == 65536);
    CHECK(*parse_ring_size("8MiB") == 8UL << 20);
    CHECK(*parse_ring_size("4096") == 4096);
    for (const char* wrong : {"", "K", "100K", "2048", "64k", "4G", "-8M"})
        CHECK_FALSE(parse_ring_size(wrong).ok());
}

TEST_CASE("a cgroup is a path from the root, with or without the mount in front", "[options]") {
    CHECK(*parse_cgroup("/system.slice/nginx.service/") == "/system.slice/nginx.service");
    CHECK(*parse_cgroup("/sys/fs/cgroup/system.slice") == "/system.slice");
    CHECK(*parse_cgroup("/sys/fs/cgroup") == "/");
    CHECK_FALSE(parse_cgroup("").ok());
    CHECK_FALSE(parse_cgroup("system.slice").ok());
}

TEST_CASE("a name that is empty, as of an unset variable, is no option left out", "[options]") {
    CHECK(*parse_name("verdict.txt", "file") == "verdict.txt");
    CHECK(parse_name("", "file").error().message == "'' is no file: the file's name, or leave the option out");
    CHECK(parse_name("", "user").error().exit_code == ExitCode::usage);
}
