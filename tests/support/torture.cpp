// SPDX-License-Identifier: GPL-2.0-only
#include "support/torture.h"

#include <catch2/catch.hpp>
#include <ctime>

#include "support/environment.h"

namespace live {
namespace {

std::vector<std::string> arguments_of(unsigned seed) {
    // An emulated machine is some twenty times slower.
    return {"--seed",      std::to_string(seed),   "--operations", std::to_string(scaled(200, 60)),
            "--processes", scale() < 1 ? "4" : "6"};
}

// What events told of one process.
struct Told {
    struct Last {
        bool open = false;
        std::string via;
    };
    long balance = 0;
    std::map<int, Last> last;

    // Descriptors that are not as the last event about them said.
    [[nodiscard]] std::string suspects(const std::set<int>& fds) const {
        std::string text;
        for (const auto& [fd, event] : last)
            if (event.open != fds.contains(fd))
                text += " " + std::to_string(fd) + (event.open ? " opened by " : " closed by ") + event.via;
        for (int fd : fds)
            if (!last.contains(fd)) text += " " + std::to_string(fd) + " never told";
        return text;
    }
};

std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000000000ULL + static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

Torture::Torture(unsigned seed) : seed_(seed), program_(program_path("fd_torture"), arguments_of(seed)) {
    bool ready = program_.wait_for_line([](const std::string& line) { return line == "ready"; });
    if (!ready) FAIL("fd_torture is not ready: " << program_.err());
}

void Torture::run() {
    program_.say("begin");
    bool still = program_.wait_for_line([&](const std::string& line) {
        Json report = Json::parse(line, nullptr, false);
        if (!report.is_object()) return false;
        for (const Json& process : report["standing"])
            standing_[process["pid"].get<pid_t>()] = {
                .shared = process["shared"], .threads = process["private"], .truth = {}};
        standing_[report["root"].get<pid_t>()].shared = true;  // nobody who was watched forked it
        begin_ns_ = report["begin_ns"];
        acts_ = {{"done", report["done"]}, {"refused", report["refused"]}, {"processes", report["processes"]}};
        return true;
    });
    if (!still) FAIL("fd_torture --seed " << seed_ << " did not come to a standstill: " << program_.err());
    // What the kernel still does for the dead (files that are put late) touches no table of the living.
    still_ns_ = monotonic_ns();
    for (auto& [pid, process] : standing_) process.truth = fd_truth_of(pid);
}

bool Torture::has_moved() const {
    for (const auto& [pid, process] : standing_)
        if (fd_truth_of(pid) != process.truth) return true;
    return false;
}

void Torture::end() {
    program_.close_input();
    CHECK(program_.wait_exit() == 0);
}

std::string torture_differences(const Torture& torture, const Json& snapshot, Kinds kinds) {
    std::map<pid_t, const Json*> rows;
    // One that has exited may have had the same id, and live sockets still.
    for (const Json& row : snapshot.at("processes"))
        if (!row.value("exited", false)) rows[row["pid"].get<pid_t>()] = &row;
    std::string text;
    for (const auto& [pid, process] : torture.standing()) {
        const Json* row = rows.contains(pid) ? rows[pid] : nullptr;
        std::string difference = row ? fd_differences(process.truth, row->at("fds"), kinds) : "no row";
        if (!difference.empty())
            text += "seed " + std::to_string(torture.seed()) + " pid " + std::to_string(pid) + ": " + difference +
                    "\n";
    }
    return text;
}

std::string Deltas::line() const {
    return "deltas: " + std::to_string(exact) + " of " + std::to_string(processes) + " exact, +" +
           std::to_string(too_many) + " -" + std::to_string(too_few) + (wrong.empty() ? "" : " (" + wrong + ")") +
           ", " + std::to_string(left_out) + " left out";
}

Deltas deltas_of(const Torture& torture, const Events& events) {
    std::map<pid_t, Told> told;
    for (const Json& event : events) {
        const bool opened = is(event, "fd_open");
        if ((!opened && !is(event, "fd_close")) || event["pid"].is_null()) continue;
        const std::uint64_t when = event["ktime_ns"];
        if (when < torture.begin_ns() || when > torture.still_ns()) continue;
        Told& process = told[event["pid"].get<pid_t>()];
        process.balance += opened ? 1 : -1;
        process.last[event["fd"].get<int>()] = {opened, event["via"].dump()};
    }
    Deltas deltas;
    for (const auto& [pid, process] : torture.standing()) {
        if (process.shared || process.threads) {
            ++deltas.left_out;
            continue;
        }
        ++deltas.processes;
        const long off = told[pid].balance - static_cast<long>(process.truth.open);
        if (off == 0) ++deltas.exact;
        if (off > 0) deltas.too_many += off;
        if (off < 0) deltas.too_few -= off;
        if (off != 0)
            deltas.wrong += "pid " + std::to_string(pid) + " off by " + std::to_string(off) + ":" +
                            told[pid].suspects(process.truth.fds) + "\n";
    }
    return deltas;
}

}  // namespace live
