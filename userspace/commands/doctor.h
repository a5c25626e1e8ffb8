// SPDX-License-Identifier: GPL-2.0-only
// DoctorReport: all that doctor found, and its two shapes. Pure, so that the shapes are tested without a
// kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "probes/plan.h"

namespace sockeye {

struct HostReport {
    std::string kernel;
    std::vector<std::string> capabilities;  // those that hooks or tables can use
    bool type_information = false;          // /sys/kernel/btf/vmlinux
    std::string preemption, preemption_source;
    std::optional<std::string> lockdown;         // absent: not readable, or a kernel without it
    bool tracepoints_readable = false;           // tracefs
    std::optional<std::uint64_t> locked_memory;  // bytes; absent: unlimited
    bool sock_diag = false;                      // the last rung: sockets can be sampled without BPF
    std::uint64_t ring_bytes = 0;                // unless --ring-size says otherwise
};

struct DoctorReport {
    HostReport host;
    ProbePlan plan;
    std::string obstacle;  // why hooks can observe nothing; empty: nothing stands in the way
};

bool observes_anything(const ProbePlan& plan);
std::string doctor_text(const DoctorReport& report);
std::string doctor_json(const DoctorReport& report);

}  // namespace sockeye
