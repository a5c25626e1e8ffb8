// SPDX-License-Identifier: GPL-2.0-only
// Descriptor truth: after every way by which a descriptor comes and goes was mixed, raced and killed, each
// process's counts are the kernel's: in a snapshot, in the frames of a top that ran all along, and, where hooks
// are exact, in the sum of the events. The hidden test [seeds] does it for many seeds: SOCKEYE_SEEDS=1-100, a line
// for each.
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "support/environment.h"
#include "support/torture.h"

using namespace live;

namespace {

std::string snapshot_differences(const Torture& torture) {
    Finished finished = run_sockeye(std::vector<std::string>{"snapshot", "--json"} + hooks_arguments());
    INFO("stderr: " << finished.err);
    REQUIRE(finished.exit_code == 0);
    std::string differences = torture_differences(torture, Json::parse(finished.out), Kinds::compared);
    if (!differences.empty()) REQUIRE_FALSE(torture.has_moved());
    return differences;
}

class Top {
public:
    Top() : process_(std::vector<std::string>{"top", "--batch", "--json", "-i", "1s"} + hooks_arguments()) {
        if (!process_.wait_ready()) FAIL("sockeye top did not become ready; stderr: " << process_.err());
    }
    // Waits for a frame that equals the kernel's tables. Differences of the last frame if none did.
    std::string differences(const Torture& torture, Kinds kinds) {
        std::string last = "no frame";
        frames_ = 0;
        process_.wait_for_line(
            [&](const std::string& line) {
                last = torture_differences(torture, Json::parse(line), kinds);
                ++frames_;
                return last.empty();
            },
            seen_);
        seen_ += frames_;
        return last;
    }
    // How many frames that took; the first ones may be older than the standstill.
    [[nodiscard]] unsigned frames() const { return frames_; }

private:
    SockeyeProcess process_;
    unsigned frames_ = 0, seen_ = 0;
};

// What doctor says of the hooks that tell descriptor events.
struct DescriptorHooks {
    std::string hook;
    bool exact = false;
};
DescriptorHooks descriptor_hooks() {
    Finished finished = run_sockeye(std::vector<std::string>{"doctor", "--json"} + hooks_arguments());
    Json doctor = Json::parse(finished.out);
    for (const Json& row : doctor["rows"]) {
        if (row["row"] != "descriptors" || !row["hook"].is_string()) continue;
        // Trampolines are skipped while another task is preempted inside them.
        bool skipped =
            row["kind"] == "fentry" && doctor["preemption"] != "none" && doctor["preemption"] != "voluntary";
        return {.hook = row["hook"], .exact = row["exact"].get<bool>() && !skipped};
    }
    return {};
}

std::pair<unsigned, unsigned> asked_seeds() {
    const char* asked = std::getenv("SOCKEYE_SEEDS");
    unsigned first = 1, last = scaled(100, 20);
    if (asked != nullptr && std::sscanf(asked, "%u-%u", &first, &last) == 1) last = first;
    return {first, last};
}

}  // namespace

TEST_CASE("after the torture each process's descriptors are the kernel's, counts, kinds and limits", "[torture]") {
    for (unsigned seed : {1U, 2U, 3U}) {
        Torture torture(seed);
        torture.run();
        INFO(torture.acts().dump());
        CHECK(torture.standing().size() > 1);
        CHECK(snapshot_differences(torture) == "");
        torture.end();
    }
}

TEST_CASE("a top that ran all along shows the kernel's descriptors after the torture", "[torture]") {
    Top top;
    for (unsigned seed : {4U, 5U}) {
        Torture torture(seed);
        torture.run();
        INFO(torture.acts().dump());
        CHECK(top.differences(torture, Kinds::left_out) == "");
        // Kinds are read every five seconds.
        CHECK(top.differences(torture, Kinds::compared) == "");
        torture.end();
    }
}

TEST_CASE("opens minus closes are the kernel's counts where the hooks are exact", "[slow][torture]") {
    DescriptorHooks hooks = descriptor_hooks();
    unsigned compared = 0;  // of one torture it may be none: all that stand at its end share their tables then
    for (unsigned seed : {6U, 7U, 8U}) {
        Trace trace({"-e", "fd_open,fd_close,lost", "--ring-size", "64M"});
        Torture torture(seed);
        torture.run();
        CHECK(snapshot_differences(torture) == "");
        Events events = trace.stop();
        Deltas deltas = deltas_of(torture, events);
        torture.end();
        INFO(torture.acts().dump());
        WARN(hooks.hook << ", seed " << seed << ": " << deltas.line() << "; " << trace.summary());
        compared += deltas.processes;
        if (hooks.exact && lost_count(events) == 0) CHECK(deltas.wrong == "");
    }
    CHECK(compared > 0);
}

TEST_CASE("the torture, for many seeds, under a top", "[.][seeds]") {
    const auto [first, last] = asked_seeds();
    Top top;
    unsigned right = 0;
    Json acts = {{"done", Json::object()}, {"refused", Json::object()}};
    for (unsigned seed = first; seed <= last; seed++) {
        const auto begin = std::chrono::steady_clock::now();
        Torture torture(seed);
        torture.run();
        std::string from_tables = snapshot_differences(torture);
        std::string from_top = top.differences(torture, Kinds::left_out);
        for (const char* word : {"done", "refused"})
            for (const auto& [act, count] : torture.acts()[word].items())
                acts[word][act] = acts[word].value(act, 0U) + count.get<unsigned>();
        unsigned standing = static_cast<unsigned>(torture.standing().size());
        unsigned processes = torture.acts()["processes"];
        torture.end();
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
        const bool same = from_tables.empty() && from_top.empty();
        std::printf("seed %u: %u processes, %u standing, snapshot %s, top %s after %u frames, %.1f s\n%s%s", seed,
                    processes, standing, from_tables.empty() ? "equal" : "DIFFERS",
                    from_top.empty() ? "equal" : "DIFFERS", top.frames(), took.count(), from_tables.c_str(),
                    from_top.c_str());
        std::fflush(stdout);
        right += same ? 1 : 0;
        CHECK(same);
    }
    std::printf("seeds %u-%u: %u right\nacts: %s\n", first, last, right, acts.dump().c_str());
}
