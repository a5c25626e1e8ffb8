// SPDX-License-Identifier: GPL-2.0-only
// What in the name of a cgroup is the same in every run.
#include <algorithm>
#include <string>
#include <string_view>

#include "diagnose/run_review.h"

namespace sockeye {
namespace {

constexpr std::size_t kIdDigits = 8;  // hexadecimal digits that no one would choose as a name
constexpr std::string_view kPod = "pod";

bool is_hexadecimal(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Words of letters and digits that are ids: of containers, pods (their uuid has words of four digits, too, behind one of
// eight), invocations. In names of sessions and transient units every number is one.
std::string stable_name(std::string_view name) {
    const bool numbered = name.starts_with("session-") || name.starts_with("run-") || name.starts_with("libpod-");
    std::string stable;
    bool after_id = false;
    for (std::size_t at = 0; at < name.size();) {
        if (!is_word(name[at])) {
            stable += name[at++];
            continue;
        }
        std::size_t end = at;
        while (end < name.size() && is_word(name[end])) ++end;
        // Kubernetes writes their uuid behind "pod", without a mark between.
        if (name.substr(at, end - at).starts_with(kPod)) {
            stable += kPod;
            at += kPod.size();
        }
        const std::string_view word = name.substr(at, end - at);
        const bool has_digit = std::ranges::any_of(word, is_digit);
        const bool hexadecimal = std::ranges::all_of(word, is_hexadecimal);
        const bool is_id = has_digit && ((hexadecimal && (word.size() >= kIdDigits || (after_id && word.size() == 4))) ||
                                         numbered);
        // The letters of a uuid's words may be all there are.
        const bool joins = after_id && hexadecimal && (word.size() == 4 || word.size() == 12);
        if (is_id || joins)
            stable += '*';
        else
            stable += word;
        after_id = is_id || joins;
        at = end;
    }
    return stable;
}

}  // namespace

std::string stable_place(std::string_view place) {
    std::string stable;
    while (!place.empty()) {
        const std::size_t slash = std::min(place.find('/'), place.size());
        stable += stable_name(place.substr(0, slash));
        place.remove_prefix(slash);
        if (place.empty()) break;
        stable += '/';
        place.remove_prefix(1);
    }
    return stable;
}

}  // namespace sockeye
