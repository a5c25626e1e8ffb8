// SPDX-License-Identifier: GPL-2.0-only
// Where a file's debug information stands if not in the file: under its build-id in the host's /usr/lib/debug, or by
// the name in .gnu_debuglink. libdwfl's own search opens whatever stands under a name that the file tells, and would
// wait for a pipe.
#pragma once

#include <elfutils/libdwfl.h>
#include <sys/types.h>

#include <cstdint>
#include <string>

namespace sockeye {

// A module's file. Its address is the user data of the module in whose session find_debug_file is the callback.
struct ModuleOrigin {
    std::uint32_t tgid = 0;  // of a process that has mapped it
    std::string path;        // as that process sees it
    dev_t device = 0;
    ino_t inode = 0;
    bool has_alternative = false;  // find_debug_file has found one
};

// Dwfl_Callbacks.find_debuginfo.
int find_debug_file(Dwfl_Module* module, void** user, const char* name, Dwarf_Addr base, const char* file_name,
                    const char* link, GElf_Word crc, char** found_name);

// To be called before the first of that module's debug information is read.
void refuse_other_alternatives(Dwfl_Module* module, Dwarf* dwarf);

}  // namespace sockeye
