// SPDX-License-Identifier: GPL-2.0-only
// Opening the files of other processes. Their owners may put anything where a file is looked for: a link out of their
// root, a pipe that nobody writes to, a device. What these functions return is a regular file; they wait for nobody.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/unique_fd.h"
#include "stacks/memory_map.h"

namespace sockeye {

// What to do with a path whose last component is a link.
enum class LastLink : std::uint8_t { followed, refused };

// The file of that path as the process sees it, for reading: links lead nowhere outside of its root. Invalid: there is
// none, or it is no regular file.
UniqueFd open_process_file(std::uint32_t tgid, std::string_view path, LastLink last = LastLink::followed);

// The file that is mapped there, also when it has been deleted or replaced since. Invalid, too, if the process has
// mapped something else meanwhile.
UniqueFd open_mapped_file(std::uint32_t tgid, const Mapping& mapping);

// Whether it begins as an ELF file does. libdwfl takes what does not for a compressed file, and unpacks it into memory
// whatever its size; or for an archive.
bool begins_as_elf(const UniqueFd& file);

}  // namespace sockeye
