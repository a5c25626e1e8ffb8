// SPDX-License-Identifier: GPL-2.0-only
// NetnsWalk: reads socket tables in every network namespace that can be entered, and says which cannot.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "events/sweep_marks.h"
#include "probes/live_source.h"

namespace sockeye {

class NetnsWalk {
public:
    // How one table of one namespace is read.
    class Reader {
    public:
        virtual ~Reader() = default;
        // Called in the namespace. What it opens is to show that namespace for as long as it is open: a descriptor,
        // which the walk closes, or −errno.
        virtual int open(sweep_table table) = 0;
        // Called in a namespace other than our own, whose limits are its own, before its TCP sockets are read.
        virtual void meet_other(std::uint32_t netns) = 0;
        // Called at home. `opened`: what open() gave, or −errno of entering or finding the namespace.
        virtual Result<void> read(const SweptTable& swept, int opened) = 0;
    };

    // `tables`: or of Table; of others than those of sockets nothing is read. Errors: those of the reader, and when the
    // thread cannot return to its own namespace.
    Result<void> read(TableSet tables, Reader& reader);

private:
    TableSet refusal_told_ = 0;  // tables of which was said that some namespaces are hidden from us
};

}  // namespace sockeye
