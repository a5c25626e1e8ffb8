// SPDX-License-Identifier: GPL-2.0-only
#include "support/trace.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <iterator>

#include "support/environment.h"

namespace live {

Events parse_lines(const std::string& text) {
    Events events;
    for (std::size_t begin = 0; begin < text.size();) {
        std::size_t end = text.find('\n', begin);
        std::string line = text.substr(begin, end == std::string::npos ? end : end - begin);
        if (end == std::string::npos) FAIL("a torn last line: " << line);
        Json event = Json::parse(line, nullptr, false);
        if (event.is_discarded() || !event.is_object()) FAIL("not a JSON object: " << line);
        events.push_back(std::move(event));
        begin = end + 1;
    }
    return events;
}

std::vector<std::string> hooks_arguments() {
    return forced_hooks().empty() ? std::vector<std::string>{}
                                  : std::vector<std::string>{"--hooks", forced_hooks()};
}

std::vector<std::string> operator+(std::vector<std::string> first, const std::vector<std::string>& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

Trace::Trace(const std::vector<std::string>& arguments, Ready ready)
    : process_(std::vector<std::string>{"trace", "--json"} + hooks_arguments() + arguments) {
    if (ready == Ready::awaited) wait_ready();
}

void Trace::wait_ready() {
    if (!process_.wait_ready()) FAIL("sockeye trace did not become ready; stderr: " << process_.err());
}

void Trace::wait_for(const std::string& what, const std::function<bool(const Json&)>& wanted) {
    bool found = process_.wait_for_line([&](const std::string& line) {
        Json event = Json::parse(line, nullptr, false);
        return event.is_object() && wanted(event);
    });
    if (!found) FAIL("no event: " << what << "; stderr: " << process_.err());
}

void Trace::interrupt() {
    if (!interrupted_) process_.signal(SIGINT);
    interrupted_ = true;
}

Events Trace::stop() {
    interrupt();
    std::optional<int> code = process_.wait_exit();
    INFO("stderr: " << process_.err());
    REQUIRE(code == 0);
    return parse_lines(process_.out());
}

std::string Trace::summary() const {
    std::string text = process_.err();
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.substr(text.rfind('\n') + 1);
}

const Json* row_of(const Json& snapshot, pid_t pid) {
    for (const Json& row : snapshot["processes"])
        if (row["pid"] == pid) return &row;
    return nullptr;
}

std::map<std::string, unsigned> occupied(const Json& states) {
    std::map<std::string, unsigned> counts;
    for (const auto& [state, count] : states.items())
        if (count != 0) counts[state] = count;
    return counts;
}

bool is(const Json& event, std::string_view kind) { return field(event, "event") == kind; }

Json field(const Json& event, const char* name) {
    auto found = event.find(name);
    return found == event.end() ? Json() : *found;
}

Events select(const Events& events, const std::function<bool(const Json&)>& wanted) {
    Events selected;
    std::ranges::copy_if(events, std::back_inserter(selected), wanted);
    return selected;
}

Events of_kind(const Events& events, std::string_view kind) {
    return select(events, [kind](const Json& event) { return is(event, kind); });
}

Events of_pid(const Events& events, pid_t pid) {
    return select(events, [pid](const Json& event) { return field(event, "pid") == pid; });
}

Events of_socket(const Events& events, std::uint64_t socket) {
    return select(events, [socket](const Json& event) { return field(event, "socket") == socket; });
}

std::string states_of(const Events& events, std::uint64_t socket) {
    std::string states;
    for (const Json& event : of_socket(events, socket)) {
        if (!is(event, "tcp_state")) continue;
        if (!states.empty()) states += ' ';
        states += event.at("new_state").get<std::string>();
    }
    return states;
}

std::uint64_t lost_count(const Events& events) {
    std::uint64_t sum = 0;
    for (const Json& event : of_kind(events, "lost"))
        for (const auto& [loss_class, count] : event.at("count").items()) sum += count.get<std::uint64_t>();
    return sum;
}

bool is_preempted() {
    const Json doctor = Json::parse(run_sockeye({"doctor", "--json"}).out);
    return doctor["preemption"] != "none" && doctor["preemption"] != "voluntary";
}

Events without_lost(const Events& events) {
    INFO(Json(of_kind(events, "lost")).dump());
    if (lost_count(events) != 0) CHECK(is_preempted());
    return select(events, [](const Json& event) { return !is(event, "lost"); });
}

bool hooks_may_skip() { return forced_hooks() == "trampoline"; }

}  // namespace live
