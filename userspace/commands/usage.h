// SPDX-License-Identifier: GPL-2.0-only
// The command line as a whole: which command, which options. What is wrong with it becomes one line that
// names the option, the value and what would be right; CLI11's own complaints are put into that form.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "commands/command.h"

namespace sockeye {

struct Invocation {
    const Command* command = nullptr;  // null: `text` is all that was asked for (help, version)
    std::string text;
};

// `arguments` without the program's name. No command: `top`. Parsed values go to `options`.
Result<Invocation> parse_command_line(std::span<const Command> commands, std::vector<std::string> arguments,
                                      Options& options);

}  // namespace sockeye
