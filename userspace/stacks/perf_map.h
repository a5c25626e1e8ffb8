// SPDX-License-Identifier: GPL-2.0-only
// PerfMap: names of the code that a process has compiled at run time, from the file that a runtime writes for perf when
// it is asked to (node --perf-basic-prof, Python 3.12 -X perf, Java by an agent): /tmp/perf-PID.map, a line for each
// function with address and size in hexadecimal and its name. The file grows while the process runs.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace sockeye {

class PerfMap {
public:
    static constexpr std::size_t kMostBytes = 16U << 20U;  // of the file; what stands behind is not read
    static constexpr std::size_t kMostFunctions = 1U << 17U;  // a line takes more room here than in the file

    // Of the process with that pid, whose file is looked for under its own root by its own pid.
    explicit PerfMap(std::uint32_t tgid) : tgid_(tgid) {}

    // The function that covers that address; empty: none is known. Reads what has been written since, at most once a second.
    const std::string& name_at(std::uint64_t address);
    // Whether there has been a file.
    [[nodiscard]] bool exists() const { return file_ != 0; }

    // Takes whole lines. Code that is written over by newer code is gone; beyond kMostFunctions new code has no name.
    void add(std::string_view lines);

private:
    struct Function {
        std::uint64_t end = 0;
        std::string name;
    };
    using Clock = std::chrono::steady_clock;

    void read_on();

    std::uint32_t tgid_;
    Clock::time_point read_at_{};
    ino_t file_ = 0;  // the one that was read so far
    std::size_t read_bytes_ = 0;
    std::map<std::uint64_t, Function> functions_;  // by address; none overlap
};

}  // namespace sockeye
