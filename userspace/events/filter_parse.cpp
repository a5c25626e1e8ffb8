// SPDX-License-Identifier: GPL-2.0-only
// The parsers of option values. Every error names the value that is wrong and what would be right, so
// that the command line only has to put the option's name in front.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "base/suggest.h"
#include "events/filter.h"

namespace sockeye {

namespace {

Error wrong(std::string_view value, std::string_view what, std::string_view right) {
    return Error(fmt::format("'{}' {}: {}", value, what, right), ExitCode::usage);
}

template <typename Number>
std::optional<Number> number_in(std::string_view text) {
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// Calls `take` with each element of a comma separated list until it returns an error.
template <typename Take>
Result<void> for_each_element(std::string_view list, Take take) {
    for (std::size_t begin = 0;;) {
        const std::size_t comma = list.find(',', begin);
        const std::string_view element =
            list.substr(begin, comma == std::string_view::npos ? comma : comma - begin);
        if (Result<void> taken = take(element); !taken) return taken;
        if (comma == std::string_view::npos) return {};
        begin = comma + 1;
    }
}

std::optional<std::uint16_t> port_in(std::string_view text) {
    const std::optional<std::uint16_t> port = number_in<std::uint16_t>(text);
    return port == 0 ? std::nullopt : port;
}

// Kernel names, and the spellings that users of ss know: "time-wait", "fin-wait-1", "estab".
std::optional<std::uint8_t> state_in(std::string_view word) {
    std::string name;
    for (const char c : word)
        name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (name == "ESTAB") name = "ESTABLISHED";
    if (name == "CLOSED" || name == "UNCONNECTED") name = "CLOSE";
    if (name == "LISTENING") name = "LISTEN";
    if (name == "FIN_WAIT_1" || name == "FIN_WAIT_2") name.erase(8, 1);
    return tcp_state_named(name);
}

std::string suggestion(std::string_view word, std::span<const std::string_view> candidates) {
    const std::string_view near = nearest(word, candidates);
    return near.empty() ? fmt::format("one of {}", fmt::join(candidates, ", "))
                        : fmt::format("did you mean {}? One of {}", near, fmt::join(candidates, ", "));
}

}  // namespace

Result<std::vector<PortRange>> parse_ports(std::string_view list) {
    std::vector<PortRange> ranges;
    constexpr std::string_view kRight = "1 to 65535, ranges as 8000-8100, joined by commas";
    const Result<void> done = for_each_element(list, [&](std::string_view element) -> Result<void> {
        const std::size_t dash = element.find('-');
        const std::optional<std::uint16_t> low = port_in(element.substr(0, dash));
        const std::optional<std::uint16_t> high =
            dash == std::string_view::npos ? low : port_in(element.substr(dash + 1));
        if (!low || !high) return wrong(element, "is no port or range of ports", kRight);
        if (*low > *high) return wrong(element, "is an empty range of ports", fmt::format("{}-{}", *high, *low));
        ranges.push_back({.low = *low, .high = *high});
        return {};
    });
    if (!done) return done.error();
    return ranges;
}

Result<AddressPrefix> parse_address(std::string_view cidr) {
    constexpr std::string_view kRight = "an address or prefix as 10.0.0.0/8, 192.0.2.7, 2001:db8::/32 or ::1";
    const std::size_t slash = cidr.find('/');
    std::string address(cidr.substr(0, slash));
    if (address.size() > 2 && address.front() == '[' && address.back() == ']')
        address = address.substr(1, address.size() - 2);
    AddressPrefix prefix;
    std::uint8_t offset = 0;  // of the family's own bits within the 128
    if (inet_pton(AF_INET, address.c_str(), prefix.address.data() + 12) == 1) {
        prefix.address[10] = prefix.address[11] = 0xff;
        offset = 96;
    } else if (inet_pton(AF_INET6, address.c_str(), prefix.address.data()) != 1) {
        return wrong(cidr, "is no address", kRight);
    }
    if (slash != std::string_view::npos) {
        const std::optional<std::uint8_t> bits = number_in<std::uint8_t>(cidr.substr(slash + 1));
        const unsigned longest = 128U - offset;
        if (!bits || *bits > longest)
            return wrong(cidr, "has no valid prefix length",
                         fmt::format("/0 to /{} behind that address", longest));
        prefix.bits = static_cast<std::uint8_t>(*bits + offset);
    }
    return prefix;
}

Result<std::vector<std::uint32_t>> parse_pids(std::string_view list) {
    std::vector<std::uint32_t> pids;
    constexpr std::uint32_t kPidLimit = 1U << 22U;  // PID_MAX_LIMIT, include/linux/threads.h
    const Result<void> done = for_each_element(list, [&](std::string_view element) -> Result<void> {
        const std::optional<std::uint32_t> pid = number_in<std::uint32_t>(element);
        if (!pid || *pid == 0 || *pid > kPidLimit)
            return wrong(element, "is no process id", "1 to 4194304, joined by commas");
        pids.push_back(*pid);
        return {};
    });
    if (!done) return done.error();
    return pids;
}

Result<std::bitset<WIRE_TCP_STATE_MAX>> parse_states(std::string_view list) {
    static constexpr std::array<std::string_view, 11> kStates = {
        "ESTABLISHED", "SYN_SENT",   "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT",
        "CLOSE",       "CLOSE_WAIT", "LAST_ACK", "LISTEN",    "CLOSING"};
    std::bitset<WIRE_TCP_STATE_MAX> states;
    const Result<void> done = for_each_element(list, [&](std::string_view element) -> Result<void> {
        const std::optional<std::uint8_t> state = state_in(element);
        if (!state) return wrong(element, "is no TCP state", suggestion(element, kStates));
        states.set(*state);
        return {};
    });
    if (!done) return done.error();
    return states;
}

Result<std::bitset<kEventKindCount>> parse_kinds(std::string_view list) {
    std::array<std::string_view, kEventKindCount> names;
    for (std::size_t i = 0; i < names.size(); ++i) names[i] = name_of(static_cast<EventKind>(i));
    std::bitset<kEventKindCount> kinds;
    const Result<void> done = for_each_element(list, [&](std::string_view element) -> Result<void> {
        const std::optional<EventKind> kind = event_kind_named(element);
        if (!kind) return wrong(element, "is no event", suggestion(element, names));
        kinds.set(static_cast<std::size_t>(*kind));
        return {};
    });
    if (!done) return done.error();
    return kinds;
}

Result<std::vector<std::uint32_t>> parse_netns(std::string_view list) {
    std::vector<std::uint32_t> inodes;
    const Result<void> done = for_each_element(list, [&](std::string_view element) -> Result<void> {
        const std::optional<std::uint32_t> inode = number_in<std::uint32_t>(element);
        if (!inode || *inode == 0)
            return wrong(element, "is no network namespace",
                         "its inode number, as `lsns -t net` or `readlink /proc/PID/ns/net` show it, or self");
        inodes.push_back(*inode);
        return {};
    });
    if (!done) return done.error();
    return inodes;
}

Result<std::string> parse_comm_glob(std::string_view glob) {
    constexpr std::string_view kRight = "a name of at most 15 bytes with *, ? or [a-z], as nginx or 'redis-*'";
    if (glob.empty()) return wrong(glob, "is an empty name", kRight);
    for (std::size_t i = 0; i < glob.size(); ++i) {
        if (glob[i] == '\\') {
            if (++i == glob.size()) return wrong(glob, "ends in a lone backslash", kRight);
        } else if (glob[i] == '[') {
            // A ']' right behind '[' or '[!' stands for itself.
            std::size_t first = i + 1;
            if (first < glob.size() && (glob[first] == '!' || glob[first] == '^')) ++first;
            const std::size_t close = glob.find(']', first + 1);
            if (close == std::string_view::npos) return wrong(glob, "has a '[' without its ']'", kRight);
            i = close;
        }
    }
    return std::string(glob);
}

}  // namespace sockeye
