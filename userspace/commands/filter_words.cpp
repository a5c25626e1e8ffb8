// SPDX-License-Identifier: GPL-2.0-only
#include "commands/filter_words.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "commands/command.h"
#include "commands/usage.h"

namespace sockeye {

namespace {

// Words between blanks; '…' and "…" are taken as they are, \ takes the next letter as it is. Absent: a quote has no end.
std::optional<std::vector<std::string>> split_words(std::string_view text) {
    std::vector<std::string> words;
    bool in_word = false;
    char quote = '\0';
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char letter = text[at];
        if (quote == '\0' && letter == ' ') {
            in_word = false;
            continue;
        }
        if (!in_word) words.emplace_back();
        in_word = true;
        if (letter == quote) quote = '\0';
        else if (quote == '\0' && (letter == '\'' || letter == '"')) quote = letter;
        else if (quote == '\0' && letter == '\\' && at + 1 < text.size()) words.back() += text[++at];
        else words.back() += letter;
    }
    if (quote != '\0') return std::nullopt;
    return words;
}

std::string quoted(std::string_view word) {
    constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@+=";
    if (!word.empty() && word.find_first_not_of(kPlain) == std::string_view::npos) return std::string(word);
    std::string text = "'";
    for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    return text + "'";
}

std::string address_word(const AddressPrefix& prefix) {
    constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    constexpr unsigned kMappedBits = 96;
    const bool ipv4 = prefix.bits >= kMappedBits && std::equal(kMapped.begin(), kMapped.end(), prefix.address.begin());
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(ipv4 ? AF_INET : AF_INET6, prefix.address.data() + (ipv4 ? kMapped.size() : 0), text.data(), text.size());
    return fmt::format("{}/{}", text.data(), ipv4 ? prefix.bits - kMappedBits : prefix.bits);
}

class Words {
public:
    void flag(std::string_view name) { text_ += fmt::format("{}{}", text_.empty() ? "" : " ", name); }
    void value(std::string_view name, std::string_view value) {
        flag(name);
        text_ += " " + quoted(value);
    }
    // In one option with commas between them.
    void list(std::string_view name, const std::vector<std::string>& values) {
        if (!values.empty()) value(name, fmt::format("{}", fmt::join(values, ",")));
    }
    [[nodiscard]] std::string text() const { return text_; }

private:
    std::string text_;
};

template <typename Values, typename Name>
std::vector<std::string> names(const Values& values, Name name) {
    std::vector<std::string> texts;
    for (const auto& value : values) texts.push_back(name(value));
    return texts;
}

std::string range_word(const PortRange& range) {
    return range.low == range.high ? std::to_string(range.low) : fmt::format("{}-{}", range.low, range.high);
}

}  // namespace

Result<Filter> parse_filter_words(std::string_view words) {
    std::optional<std::vector<std::string>> arguments = split_words(words);
    if (!arguments.has_value()) return Error("a quote has no end", ExitCode::usage);
    // Parsed as the options of top are, and complained of in the same words.
    constexpr std::array kOnlyFilters{Command{"top", "",
                                              [](CLI::App& app, Options& options) { add_options(app, kFilterOptions, options); },
                                              nullptr}};
    arguments->insert(arguments->begin(), "top");
    Options options;
    const Result<Invocation> parsed = parse_command_line(kOnlyFilters, *std::move(arguments), options);
    if (!parsed) return parsed.error();
    if (parsed->command == nullptr) return Error("a filter is wanted, as --port 80", ExitCode::usage);
    if (Result<void> checked = check_together(options); !checked) return checked.error();
    return options.filter;
}

std::string filter_words(const Filter& filter) {
    Words words;
    std::vector<std::uint32_t> pids(filter.pids.begin(), filter.pids.end());
    std::ranges::sort(pids);
    const auto number = [](std::uint32_t value) { return std::to_string(value); };
    words.list("--pid", names(pids, number));
    if (filter.follow) words.flag("--follow");
    for (const std::string& comm : filter.comms) words.value("--comm", comm);
    words.list("--port", names(filter.ports, range_word));
    words.list("--lport", names(filter.local_ports, range_word));
    words.list("--rport", names(filter.remote_ports, range_word));
    words.list("--addr", names(filter.addresses, address_word));
    for (const std::string& cgroup : filter.cgroups) words.value("--cgroup", cgroup);
    for (const std::string& container : filter.containers) words.value("--container", container);
    words.list("--netns", names(filter.netns, number));
    std::vector<std::string> states, kinds;
    for (std::size_t state = 0; state < filter.states.size(); ++state) {
        // SYN_RECV sets both of the states that have its name.
        if (filter.states[state] && state != WIRE_TCP_NEW_SYN_RECV)
            states.emplace_back(tcp_state_name(static_cast<std::uint8_t>(state)));
    }
    for (std::size_t kind = 0; kind < filter.kinds.size(); ++kind) {
        if (filter.kinds[kind]) kinds.emplace_back(name_of(static_cast<EventKind>(kind)));
    }
    words.list("--state", states);
    words.list("--event", kinds);
    if (filter.ipv4_only) words.flag("-4");
    if (filter.ipv6_only) words.flag("-6");
    if (filter.failed_only) words.flag("-x");
    return words.text();
}

}  // namespace sockeye
