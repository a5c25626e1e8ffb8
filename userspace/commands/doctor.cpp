// SPDX-License-Identifier: GPL-2.0-only
// doctor: which hook observes what on this kernel and why not a better one, what is missing, what that
// costs, and what would help. It tries every hook; nothing stays loaded or attached.
#include "commands/doctor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "base/output.h"
#include "commands/command.h"
#include "commands/talk.h"
#include "probes/kernel.h"
#include "probes/tracer.h"
#include "sampling/sock_diag.h"

namespace sockeye {

void set_up_doctor(CLI::App& app, Options& options) { add_options(app, kOutputOptions | kTierOption, options); }

namespace {

constexpr FeatureSet kEverything(0x7ff);

std::vector<std::string> held_capabilities(Rights rights) {
    std::vector<std::string> names;
    constexpr std::pair<unsigned, const char*> kNeeded[] = {{kCapBpf, "CAP_BPF"},
                                                            {kCapPerfmon, "CAP_PERFMON"},
                                                            {kCapSysAdmin, "CAP_SYS_ADMIN"},
                                                            {kCapNetAdmin, "CAP_NET_ADMIN"},
                                                            {kCapSysPtrace, "CAP_SYS_PTRACE"},
                                                            {kCapSysResource, "CAP_SYS_RESOURCE"},
                                                            {kCapSyslog, "CAP_SYSLOG"}};
    for (const auto& [number, name] : kNeeded) {
        if (rights.has(number)) names.emplace_back(name);
    }
    return names;
}

// "none [integrity] confidentiality" → "integrity".
std::optional<std::string> lockdown() {
    const std::string text = read_text_at(AT_FDCWD, "/sys/kernel/security/lockdown");
    const std::size_t open = text.find('['), close = text.find(']');
    if (open == std::string::npos || close == std::string::npos || close < open) return std::nullopt;
    return text.substr(open + 1, close - open - 1);
}

HostReport examine_host() {
    HostReport host;
    utsname names{};
    if (uname(&names) == 0) host.kernel = names.release;
    host.capabilities = held_capabilities(rights_of(read_text_at(AT_FDCWD, "/proc/self/status")));
    host.type_information = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
    host.lockdown = lockdown();
    host.tracepoints_readable = Tracefs().tracepoint_id("sock/inet_sock_set_state") >= 0;
    host.sock_diag = answers_sock_diag();
    rlimit memory{};
    if (getrlimit(RLIMIT_MEMLOCK, &memory) == 0 && memory.rlim_cur != RLIM_INFINITY)
        host.locked_memory = memory.rlim_cur;
    host.ring_bytes = planned_ring_bytes({.features = kEverything});
    return host;
}

}  // namespace

Result<ExitCode> run_doctor(const Options& options) {
    DoctorReport report;
    report.host = examine_host();
    const Result<KernelCapabilities> kernel = KernelCapabilities::ask();
    if (kernel) {
        report.host.preemption = std::string(name_of(kernel->facts().preemption));
        report.host.preemption_source = kernel->facts().preemption_source;
        Result<ProbePlan> plan = plan_probes({.features = kEverything, .tier = options.tier});
        if (plan)
            report.plan = *std::move(plan);
        else
            report.obstacle = plan.error().message;
    } else {
        report.obstacle = kernel.error().message;
    }

    Output output(STDOUT_FILENO);
    output.write(options.output == OutputFormat::json ? doctor_json(report) : doctor_text(report));
    if (!output.flush() && output.status() == OutputStatus::failed) return *output.error();
    if (!report.obstacle.empty()) {
        talk::say("{}", report.obstacle);
        return ExitCode::unsupported;
    }
    return observes_anything(report.plan) ? ExitCode::done : ExitCode::unsupported;
}

}  // namespace sockeye
