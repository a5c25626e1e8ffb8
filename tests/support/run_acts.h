// SPDX-License-Identifier: GPL-2.0-only
// Acts under `sockeye run`, and what its verdict says of them.
#pragma once

#include <string>
#include <vector>

#include "support/accepting_server.h"
#include "support/child.h"
#include "support/trace.h"

namespace live {

// The arguments of `run` for these acts (support/load/act.cpp).
std::vector<std::string> run_of(const std::vector<std::string>& options, const std::vector<std::string>& acts);

std::string text_of(const std::string& file);

struct Verdict {
    int exit_code = -1;
    std::string out, err;
    Json json;
};

// Runs acts under `run` to their end, with the verdict as JSON.
Verdict run_acts(const std::vector<std::string>& acts, const std::vector<std::string>& options = {});

// In a child: waits, connects so many times and closes first, says "done", waits.
void connect_when_told(Child::Side& side, const AcceptingServer& server, unsigned times);

}  // namespace live
