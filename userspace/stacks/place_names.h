// SPDX-License-Identifier: GPL-2.0-only
// PlaceNames: function and line of places in files. Each file's names and debug information are read once, however many
// processes have mapped it: reading them is what costs most of all. Slow, as all of the unwinder is.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "stacks/unwinder.h"

namespace sockeye {

// The function at that address of the module, behind those that are inlined there, innermost first. Fills function, file and
// line; all else is as in `frame`.
std::vector<StackFrame> named(StackFrame frame, Dwfl_Module* module, std::uint64_t address);

class PlaceNames {
public:
    // `place`: module, build_id and offset are known. `path`: where its file can be opened now. Empty: it cannot.
    std::vector<StackFrame> at(const StackFrame& place, const std::string& path);

private:
    struct End {
        void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
    };
    struct File {
        std::unique_ptr<Dwfl, End> dwfl;
        Dwfl_Module* module = nullptr;  // null: it can't be read
        std::uint64_t used = 0;
    };
    using Place = std::tuple<std::string, std::string, std::uint64_t>;  // module, build-id, offset

    File& file_of(const StackFrame& place, const std::string& path);

    std::map<std::pair<std::string, std::string>, File> files_;  // by module and build-id
    std::map<Place, std::vector<StackFrame>> known_;
    std::uint64_t uses_ = 0;
};

}  // namespace sockeye
