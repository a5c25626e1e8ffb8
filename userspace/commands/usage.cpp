// SPDX-License-Identifier: GPL-2.0-only
#include "commands/usage.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/suggest.h"

namespace sockeye {

namespace {

constexpr const char* kAbout =
    "sockeye watches every socket and every file descriptor of a Linux host, live, and says what is wrong.";
constexpr const char* kFooter =
    "With no command: top.\n"
    "Exit codes: 0 done, 1 failed at run time (replay, report, top FILE: or the recording is damaged), 2 wrong\n"
    "usage, 3 a finding (timewait, leaks, replay with --exit-code; run and diff always), 4 this kernel or these\n"
    "privileges can't do it, 130 interrupted before it had anything to say.";

Error wrong_usage(std::string message) { return Error(std::move(message), ExitCode::usage); }

std::string with_suggestion(std::string_view word, std::span<const std::string_view> words,
                            std::string_view right) {
    const std::string_view near = nearest(word, words);
    return near.empty() ? std::string(right) : fmt::format("did you mean {}? Else {}", near, right);
}

Error unknown_command(std::string_view word, std::span<const Command> commands) {
    std::vector<std::string_view> names;
    for (const Command& command : commands) names.push_back(command.name);
    return wrong_usage(
        fmt::format("command: '{}' is no command: {}", word,
                    with_suggestion(word, names, fmt::format("one of {}", fmt::join(names, ", ")))));
}

// A word that the command does not take: an option that does not exist, or one word too many.
Error unexpected(const CLI::App& command, std::string_view word) {
    if (command.get_name() == "run" && !word.starts_with('-'))
        return wrong_usage(fmt::format("run: '{0}' stands before `--`: sockeye run -- {0} ...", word));
    const std::string see = fmt::format("see `sockeye {} --help`", command.get_name());
    if (!word.starts_with('-') || word.size() < 2)
        return wrong_usage(fmt::format("{}: '{}' is one word too many: {}", command.get_name(), word, see));
    const std::string_view option = word.substr(0, word.find('='));
    std::vector<std::string> names;
    for (const CLI::Option* known : command.get_options()) {
        for (const std::string& name : known->get_lnames()) names.push_back("--" + name);
    }
    const std::vector<std::string_view> views(names.begin(), names.end());
    return wrong_usage(fmt::format("{}: '{}' is no option of {}: {}", option, word, command.get_name(),
                                   with_suggestion(option, views, see)));
}

// CLI11 begins the message of a missing value with the option's name.
Error missing_value(const CLI::App& command, std::string_view message) {
    const std::string name(message.substr(0, message.find(':')));
    const CLI::Option* option = command.get_option_no_throw(name);
    if (option == nullptr) return wrong_usage(std::string(message));
    return wrong_usage(
        fmt::format("{}: '' is no value: {}, {}", name, option->get_type_name(), option->get_description()));
}

Result<void> parse_arguments(CLI::App& app, CLI::App& command, std::vector<std::string> arguments) {
    // CLI11 takes them from the back.
    std::ranges::reverse(arguments);
    try {
        app.parse(std::move(arguments));
    } catch (const CLI::ArgumentMismatch& mismatch) {
        return missing_value(command, mismatch.what());
    } catch (const CLI::RequiredError& missing) {
        const std::string_view name =
            std::string_view(missing.what()).substr(0, std::string_view(missing.what()).find(' '));
        return wrong_usage(fmt::format("{}: '' is no value: see `sockeye {} --help`", name, command.get_name()));
    } catch (const CLI::Success&) {
        throw;
    } catch (const CLI::ParseError& error) {
        return wrong_usage(error.what());
    }
    const std::vector<std::string> rest = command.remaining();
    if (!rest.empty()) return unexpected(command, rest.front());
    return {};
}

}  // namespace

Result<Invocation> parse_command_line(std::span<const Command> commands, std::vector<std::string> arguments,
                                      Options& options) {
    CLI::App app(kAbout, "sockeye");
    app.footer(kFooter);
    app.set_version_flag("--version", std::string("sockeye ") + SOCKEYE_VERSION, "print the version");
    app.set_help_flag("-h,--help", "print this help");
    app.require_subcommand(1);
    for (const Command& command : commands) {
        CLI::App* entry = app.add_subcommand(std::string(command.name), command.help);
        entry->set_help_flag("-h,--help", "print this help");
        // Left to unexpected(), which knows better what was meant.
        entry->allow_extras();
        command.set_up(*entry, options);
    }

    const auto asks_sockeye = [](const std::string& word) {
        return word == "-h" || word == "--help" || word == "--version";
    };
    if (arguments.empty() || (arguments.front().starts_with('-') && !asks_sockeye(arguments.front())))
        arguments.insert(arguments.begin(), "top");
    const auto chosen = std::ranges::find(commands, std::string_view(arguments.front()), &Command::name);
    if (!asks_sockeye(arguments.front()) && chosen == commands.end())
        return unknown_command(arguments.front(), commands);

    // What stands behind `--` is not ours to read.
    if (const auto dashes = std::ranges::find(arguments, "--"); arguments.front() == "run" && dashes != arguments.end()) {
        options.run.command.assign(dashes + 1, arguments.end());
        arguments.erase(dashes, arguments.end());
    }
    CLI::App& command = chosen == commands.end() ? app : *app.get_subcommand(std::string(chosen->name));
    try {
        if (Result<void> parsed = parse_arguments(app, command, std::move(arguments)); !parsed)
            return parsed.error();
    } catch (const CLI::CallForHelp&) {
        return Invocation{.command = nullptr, .text = command.help(&command == &app ? "" : "sockeye")};
    } catch (const CLI::Success& version) {
        return Invocation{.command = nullptr, .text = std::string(version.what()) + "\n"};
    }
    if (Result<void> checked = check_together(options); !checked) return checked.error();
    return Invocation{.command = &*chosen, .text = {}};
}

}  // namespace sockeye
