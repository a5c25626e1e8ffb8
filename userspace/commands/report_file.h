// SPDX-License-Identifier: GPL-2.0-only
// Files that reports are written to, by `report` and by live commands.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sockeye {

inline constexpr std::string_view kStandardOutput = "-";

// Beside the recording, with .html in place of its extension.
std::string default_report_path(const std::string& recording);

// An error that names the option if there is a file that is no report and `force` is not set. To be asked before the
// work is done.
Result<void> may_write_report(std::string_view option, const std::string& path, bool force);

// Written beside and renamed, so that there is never half a page, unless `path` is a pipe or a link; `-` is standard
// output.
Result<void> write_report(const std::string& path, std::string_view page);

}  // namespace sockeye
