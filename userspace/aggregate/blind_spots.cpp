// SPDX-License-Identifier: GPL-2.0-only
#include "aggregate/blind_spots.h"

#include <algorithm>

namespace sockeye {
namespace {

std::string counted_noun(std::size_t count, const std::string& noun, const std::string& ending) {
    return std::to_string(count) + " " + noun + (count == 1 ? "" : ending);
}

std::size_t hidden_processes(const Model& model) {
    std::size_t hidden = 0;
    for (std::uint32_t index = 1; index < model.processes.slots(); ++index) {
        const Process& process = model.processes.at(index);
        const FdState* const fds = model.fds.find(index);
        if (process.in_use && process.alive && fds != nullptr && fds->hidden) ++hidden;
    }
    return hidden;
}

}  // namespace

std::vector<std::string> blind_spots(const Model& model, const Snapshot& snapshot) {
    std::vector<std::string> blind_to;
    if (snapshot.source == RecordsFrom::sampling) {
        blind_to = {"events and stacks", "connections shorter than the interval",
                    "who made a TIME_WAIT where neither end was seen open"};
        if (model.run.features.has(Feature::hidden_processes))
            blind_to.emplace_back("processes that /proc does not show here");
        if (const std::size_t hidden = hidden_processes(model); hidden != 0)
            blind_to.push_back("descriptors and sockets of " + counted_noun(hidden, "process", "es") + " of other users");
    }
    // Files in the folders of named namespaces that are none hide nothing.
    const auto hides = [](const NetnsRefused& refused) { return refused.netns != 0; };
    if (const auto numbered = std::ranges::count_if(snapshot.netns_refused, hides); numbered != 0)
        blind_to.push_back("sockets of " + counted_noun(static_cast<std::size_t>(numbered), "network namespace", "s"));
    const auto nameless = [](const NetnsRefused& refused) { return refused.netns == 0 && refused.name.empty(); };
    if (std::ranges::any_of(snapshot.netns_refused, nameless))
        blind_to.emplace_back("sockets of processes whose network namespace is hidden");
    return blind_to;
}

}  // namespace sockeye
