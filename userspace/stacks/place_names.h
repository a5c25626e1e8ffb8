// SPDX-License-Identifier: GPL-2.0-only
// PlaceNames: function and line of places in files. Each file's names and debug information are read once, however many
// processes have mapped it: reading them is what costs most of all. Slow, as all of the unwinder is.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/unique_fd.h"
#include "stacks/debug_file.h"
#include "stacks/file_names.h"
#include "stacks/unwinder.h"

namespace sockeye {

// A file, as one process has mapped it.
struct ModuleFile {
    std::uint32_t tgid = 0;
    std::string path;                // as that process sees it
    std::function<UniqueFd()> open;  // called only if it must be read; invalid: it can't be
};

class PlaceNames {
public:
    // `place`: module and offset are known, and build_id if there is one.
    std::vector<StackFrame> at(const StackFrame& place, const ModuleFile& module);

private:
    struct End {
        void operator()(Dwfl* dwfl) const { dwfl_end(dwfl); }
    };
    struct File {
        ModuleOrigin origin;
        std::unique_ptr<Dwfl, End> dwfl;
        std::optional<FileNames> names;  // absent: it can't be read
        std::uint64_t used = 0;
    };
    using Key = std::pair<std::string, std::string>;              // module, and build-id or what else tells it apart
    using Place = std::tuple<std::string, std::string, std::uint64_t>;  // the same, and the offset

    // Null: it can't be opened. `opened`: invalid if it hasn't been so far.
    File* file_of(const Key& key, const ModuleFile& module, UniqueFd opened);
    static void read(File& file, const ModuleFile& module, UniqueFd opened);

    std::map<Key, File> files_;
    std::map<Place, std::vector<StackFrame>> known_;
    std::size_t known_frames_ = 0;
    std::uint64_t uses_ = 0;
};

}  // namespace sockeye
