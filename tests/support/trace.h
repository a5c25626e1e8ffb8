// SPDX-License-Identifier: GPL-2.0-only
// Trace: one run of `sockeye trace --json` under a load, and its events as JSON. Finders for what live
// tests look for in them.
#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "support/sockeye_process.h"

namespace live {

using Json = nlohmann::json;
using Events = std::vector<Json>;

// Every line as an object. The test fails at the first line that is none, and at a torn last line.
Events parse_lines(const std::string& text);

// The tier that SOCKEYE_HOOKS asks for, as arguments; nothing when none is forced.
std::vector<std::string> hooks_arguments();
std::vector<std::string> operator+(std::vector<std::string> first, const std::vector<std::string>& second);

// To attach and to detach is mostly waiting for the kernel: several tracers had better do it at the same time.
enum class Ready { awaited, later };

class Trace {
public:
    // Starts `sockeye trace --json` with these arguments and waits until it is ready, or leaves that to the caller.
    explicit Trace(const std::vector<std::string>& arguments = {}, Ready ready = Ready::awaited);
    void wait_ready();

    SockeyeProcess& process() { return process_; }
    // Blocks until an event of that shape was printed. The test fails, naming what, when time runs out.
    void wait_for(const std::string& what, const std::function<bool(const Json&)>& wanted);
    // Asks it to end by SIGINT, and does not wait.
    void interrupt();
    // Ends it, unless it was asked already; the test fails unless it exits with 0. All of its events.
    Events stop();
    // The last line of stderr.
    [[nodiscard]] std::string summary() const;

private:
    SockeyeProcess process_;
    bool interrupted_ = false;
};

// The row of that process in a snapshot's list; null: there is none. Good as long as the snapshot.
const Json* row_of(const Json& snapshot, pid_t pid);

// Of a snapshot's states only those that occur.
std::map<std::string, unsigned> occupied(const Json& states);

bool is(const Json& event, std::string_view kind);
// null when the field is missing or null
Json field(const Json& event, const char* name);
Events select(const Events& events, const std::function<bool(const Json&)>& wanted);
Events of_kind(const Events& events, std::string_view kind);
Events of_pid(const Events& events, pid_t pid);
// The events of one socket id, in order.
Events of_socket(const Events& events, std::uint64_t socket);
// "SYN_SENT ESTABLISHED …": the new states of a socket's tcp_state events, in order.
std::string states_of(const Events& events, std::uint64_t socket);
// The sum of all `lost` events.
std::uint64_t lost_count(const Events& events);

// Whether this kernel preempts tasks inside of itself, as doctor says.
bool is_preempted();
// All but `lost`. Fails if there is one on a kernel that does not preempt: elsewhere runs of hooks may be skipped, and those
// of other processes are told, too.
Events without_lost(const Events& events);
// Trampolines alone are asked for: kernels that preempt skip their runs while another task stands preempted inside
// them, and sockeye tells that as lost.
bool hooks_may_skip();
// For what must be exact when nothing was lost: what attempt() gives, which says by its member `lost` whether
// something was. Where hooks may skip it is then made again, five attempts at most.
template <typename Attempt>
auto repeat_after_loss(const Attempt& attempt) {
    for (int left = hooks_may_skip() ? 5 : 1;; left--) {
        auto result = attempt();
        if (!result.lost || left == 1) return result;
    }
}

}  // namespace live
