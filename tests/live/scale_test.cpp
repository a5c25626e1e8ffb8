// SPDX-License-Identifier: GPL-2.0-only
// A table of tens of thousands of connections that stands still: every count, every owner and every descriptor of
// it against /proc, in a snapshot and in the frames of a live view. How long it takes is `scripts/bench scale`'s.
#include <catch2/catch.hpp>
#include <csignal>
#include <map>

#include "support/environment.h"
#include "support/proc_tables.h"
#include "support/trace.h"

using namespace live;

namespace {

constexpr unsigned kProcesses = 8;

// hold's connections in a network namespace of their own, and what /proc says of the processes that hold them.
class Standing {
public:
    Standing()
        : connections_(scaled(20000, 2000)),
          hold_(program_path("hold"), {"--netns", "--connections", std::to_string(connections_), "--processes",
                                       std::to_string(kProcesses)}) {
        std::string line;
        const bool standing = hold_.wait_for_line([&line](const std::string& said) {
            line = said;
            return true;
        });
        INFO("hold: " << hold_.err());
        REQUIRE(standing);
        pids_ = Json::parse(line)["pids"].get<std::vector<pid_t>>();
        REQUIRE(pids_.size() == kProcesses);
        for (pid_t pid : pids_) {
            fds_[pid] = fds_of(pid).size();
            for (const auto& [inode, fd] : sockets_of(pid)) owners_[inode] = {pid, fd};
        }
        // Each connection has two ends, and each process a listener.
        REQUIRE(owners_.size() == 2 * connections_ + kProcesses);
    }

    struct Owner {
        pid_t pid = 0;
        int fd = -1;
    };
    [[nodiscard]] const std::map<std::uint64_t, Owner>& owners() const { return owners_; }
    [[nodiscard]] Json states() const { return {{"ESTABLISHED", 2 * connections_}, {"LISTEN", kProcesses}}; }
    [[nodiscard]] std::string netns() const { return std::to_string(netns_of(pids_.front())); }

    // The holders whose open descriptors or whose sockets a snapshot counts in another way than /proc.
    [[nodiscard]] std::string wrong_counts(const Json& snapshot) const {
        std::map<pid_t, std::size_t> left = fds_;
        std::string wrong;
        for (const Json& row : snapshot["processes"]) {
            const auto expected = left.find(row["pid"].get<pid_t>());
            if (expected == left.end()) continue;
            const Json tcp = {{"ESTABLISHED", 2 * connections_ / kProcesses}, {"LISTEN", 1}};
            if (row["fds"]["open"] != expected->second || row["tcp"] != tcp) wrong += row.dump() + "\n";
            left.erase(expected);
        }
        for (const auto& [pid, fds] : left) wrong += "pid " + std::to_string(pid) + " is missing\n";
        return wrong;
    }

    void finish() {
        hold_.close_input();
        CHECK(hold_.wait_exit() == 0);
    }

private:
    unsigned connections_;
    Program hold_;
    std::vector<pid_t> pids_;
    std::map<pid_t, std::size_t> fds_;
    std::map<std::uint64_t, Owner> owners_;
};

}  // namespace

TEST_CASE("of many thousand connections a snapshot names each with its owner and its descriptor",
          "[slow][snapshot][scale]") {
    Standing standing;
    Finished finished =
        run_sockeye(std::vector<std::string>{"snapshot", "--json", "--sockets"} + hooks_arguments());
    INFO("stderr: " << finished.err);
    REQUIRE(finished.exit_code == 0);
    const Json snapshot = Json::parse(finished.out);
    CHECK(snapshot["tcp"]["by_netns"][standing.netns()] == standing.states());
    CHECK(standing.wrong_counts(snapshot) == "");
    std::size_t found = 0;
    std::string wrong;
    for (const Json& row : snapshot["sockets"]) {
        if (!row["inode"].is_number()) continue;
        const auto owner = standing.owners().find(row["inode"].get<std::uint64_t>());
        if (owner == standing.owners().end()) continue;
        ++found;
        const auto& [pid, fd] = owner->second;
        const Json holders = {{{"pid", pid}, {"comm", row["comm"]}, {"fds", {fd}}}};
        // One line would do; a hundred thousand would not.
        if (wrong.empty() && (row["pid"] != pid || row["holders"] != holders)) wrong = row.dump();
    }
    CHECK(wrong == "");
    CHECK(found == standing.owners().size());
    standing.finish();
}

TEST_CASE("frames over many thousand connections are exact, and a resync finds them all again",
          "[slow][snapshot][scale]") {
    Standing standing;
    SockeyeProcess top(std::vector<std::string>{"top", "--batch", "--json", "-i", "200ms"} + hooks_arguments());
    REQUIRE(top.wait_ready());
    unsigned exact = 0;
    const auto check_frame = [&](const std::string& line) {
        const Json frame = Json::parse(line);
        CHECK(frame["tcp"]["by_netns"][standing.netns()] == standing.states());
        CHECK(standing.wrong_counts(frame) == "");
        return ++exact >= 3;
    };
    CHECK(top.wait_for_line(check_frame));
    top.signal(SIGUSR1);
    const std::string resynchronised = "resynchronised with ";
    REQUIRE(eventually([&] { return top.err().find(resynchronised) != std::string::npos; }));
    exact = 0;
    CHECK(top.wait_for_line(check_frame, top.line_count()));
    top.signal(SIGINT);
    CHECK(top.wait_exit() == 0);
    const std::string err = top.err();
    INFO(err);
    const std::size_t said = err.find(resynchronised) + resynchronised.size();
    CHECK(std::stoul(err.substr(said)) >= standing.owners().size());
    standing.finish();
}
