// SPDX-License-Identifier: GPL-2.0-only
// Opens perf events of tracepoints and kprobes, and closes them without making anybody wait.
#include "probes/perf_events.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <set>

namespace sockeye {
namespace {

// Fewer than this are closed on the spot: it takes no longer than a fork of a large process.
constexpr std::size_t kWorthAProcess = 2;

// One event serves all CPUs: the program hangs on the tracepoint, not on this event's CPU.
int open_perf_event(perf_event_attr& attributes) {
    attributes.size = sizeof(attributes);
    const long event = syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
    return event < 0 ? -errno : static_cast<int>(event);
}

int open_tracepoint(std::string_view name, const Tracefs& tracefs) {
    const long id = tracefs.tracepoint_id(name);
    if (id < 0) return static_cast<int>(id);
    perf_event_attr attributes{};
    attributes.type = PERF_TYPE_TRACEPOINT;
    attributes.config = static_cast<std::uint64_t>(id);
    return open_perf_event(attributes);
}

// The first number in a file of the kprobe PMU ("8", "config:0"); −1: no such file.
long pmu_number(const std::string& path) {
    const std::string text = read_text_at(AT_FDCWD, path);
    const std::size_t start = text.find_first_of("0123456789");
    long number = -1;
    if (start != std::string::npos) std::from_chars(text.data() + start, text.data() + text.size(), number);
    return number;
}

int open_kprobe(const Attachment& attachment) {
    const std::string pmu = "/sys/bus/event_source/devices/kprobe/";
    const long type = pmu_number(pmu + "type");
    if (type < 0) return -ENODEV;
    const std::string function(attachment.target);
    perf_event_attr attributes{};
    attributes.type = static_cast<std::uint32_t>(type);
    attributes.config1 = reinterpret_cast<std::uintptr_t>(function.c_str());
    if (attachment.kind == HookKind::kretprobe) {
        const long bit = pmu_number(pmu + "format/retprobe");
        if (bit < 0) return -EOPNOTSUPP;
        attributes.config = std::uint64_t{1} << bit;
    }
    return open_perf_event(attributes);
}

void close_all_but(std::vector<unsigned> kept) {
    std::ranges::sort(kept);
    unsigned next = 0;
    for (const unsigned fd : kept) {
        if (fd > next) syscall(SYS_close_range, next, fd - 1, 0);
        next = fd + 1;
    }
    syscall(SYS_close_range, next, ~0U, 0);
}

// Hands the events to a grandchild that only closes them. It must hold nothing else: neither the pipes that
// our readers wait on, nor what BPF objects are still open.
void close_in_background(std::vector<UniqueFd> events) {
    if (events.size() < kWorthAProcess) return;
    std::vector<unsigned> kept;
    for (const UniqueFd& event : events) kept.push_back(static_cast<unsigned>(event.get()));
    const pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) close_all_but(std::move(kept));
        _exit(0);
    }
    // Its parent's end makes it init's child. Without a fork the events are closed here, slowly.
    if (child > 0)
        while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) continue;
}

}  // namespace

void PerfEvents::reset() {
    if (!holds_programs_) {
        std::vector<UniqueFd> events;
        for (auto& [place, event] : open_) events.push_back(std::move(event));
        close_in_background(std::move(events));
    }
    open_.clear();
    holds_programs_ = false;
}

PerfEvents& PerfEvents::operator=(PerfEvents&& other) noexcept {
    std::swap(open_, other.open_);
    std::swap(holds_programs_, other.holds_programs_);
    return *this;
}

int PerfEvents::open(const Attachment& attachment, const Tracefs& tracefs) {
    const Place place(attachment.program, attachment.target);
    if (const auto known = open_.find(place); known != open_.end()) return known->second.get();
    const bool is_kprobe = attachment.kind == HookKind::kprobe || attachment.kind == HookKind::kretprobe;
    const int event = is_kprobe ? open_kprobe(attachment) : open_tracepoint(attachment.target, tracefs);
    if (event >= 0) open_.emplace(place, UniqueFd(event));
    return event;
}

void PerfEvents::keep_only(const ProbePlan& plan) {
    std::set<Place> used;
    for (const PlannedRow& row : plan.rows)
        for (const Attachment& attachment : row.attachments) used.insert({attachment.program, attachment.target});
    std::vector<UniqueFd> unused;
    for (auto at = open_.begin(); at != open_.end();) {
        if (used.contains(at->first)) {
            ++at;
            continue;
        }
        unused.push_back(std::move(at->second));
        at = open_.erase(at);
    }
    close_in_background(std::move(unused));
}

}  // namespace sockeye
