// SPDX-License-Identifier: GPL-2.0-only
// Files that the full screen reads and writes for its user: settings, and what is saved on a key.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "aggregate/snapshot.h"
#include "base/result.h"
#include "diagnose/finding.h"

namespace sockeye {

// $XDG_CONFIG_HOME/sockeye/top.json, else ~/.config/sockeye/top.json; empty: neither is known.
std::string settings_path();
// Empty: there is no such file. Error: it can't be read.
Result<std::string> read_small_file(const std::string& path);
// Folders are made; written beside and renamed.
Result<void> write_settings(const std::string& path, std::string_view text);

// "sockeye-20261123T115344Z.json" in the working directory, with a number behind it if that exists.
std::string unused_name(std::int64_t wall_ns, std::string_view extension);
// As `snapshot --json` prints it, into a new file of that name.
Result<void> save_snapshot(const std::string& path, const Snapshot& snapshot, std::span<const Finding> findings);

}  // namespace sockeye
