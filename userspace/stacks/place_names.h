// SPDX-License-Identifier: GPL-2.0-only
// PlaceNames: function and line of places in files. Each file's names and debug information are read once, however many
// processes have mapped it: reading them is what costs most of all. Slow, as all of the unwinder is.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "stacks/file_names.h"
#include "stacks/unwinder.h"

namespace sockeye {

class PlaceNames {
public:
    // `place`: module and offset are known, and build_id if there is one. `path`: where its file can be opened now. Empty:
    // it cannot.
    std::vector<StackFrame> at(const StackFrame& place, const std::string& path);

private:
    struct End {
        void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
    };
    struct File {
        std::unique_ptr<Dwfl, End> dwfl;
        std::optional<FileNames> names;  // absent: it can't be read
        std::uint64_t used = 0;
    };
    using Place = std::tuple<std::string, std::string, std::uint64_t>;  // module, identity, offset

    File& file_of(const std::string& module, const std::string& identity, const std::string& path);

    std::map<std::pair<std::string, std::string>, File> files_;  // by module, and build-id or what else tells it apart
    std::map<Place, std::vector<StackFrame>> known_;
    std::uint64_t uses_ = 0;
};

}  // namespace sockeye
