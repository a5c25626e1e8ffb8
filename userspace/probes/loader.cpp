// SPDX-License-Identifier: GPL-2.0-only
// Sets the BPF object up, loads and attaches it, and blames the program that was refused.
#include "probes/loader.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "probes/kernel_filter.h"
#include "probes/libbpf_log.h"

namespace sockeye {
namespace {

using Place = std::pair<std::string_view, std::string_view>;  // program, target
using Blame = std::map<Place, HookTrial>;

// Thrown nowhere: what one attempt ends with. `culprit` empty: not the fault of a single program.
struct Failure {
    std::string culprit;
    HookTrial trial;
};

constexpr std::size_t kMostRing = std::size_t{32} << 20;
constexpr std::size_t kLeastRing = std::size_t{8} << 20;
constexpr std::size_t kRingWithoutHooks = std::size_t{64} << 10;

// One 512th of the memory: a second of 100,000 events/s needs 12 MiB, and it is drained every 10 ms.
std::size_t ring_size(const TracerOptions& options) {
    if (options.ring_bytes != 0) return options.ring_bytes;
    if (options.features.empty()) return kRingWithoutHooks;
    struct sysinfo host {};
    if (sysinfo(&host) != 0) return kLeastRing;
    const std::uint64_t memory = std::uint64_t{host.totalram} * host.mem_unit;
    return std::clamp(std::bit_floor(static_cast<std::size_t>(memory / 512)), kLeastRing, kMostRing);
}

// As far as we may: 5.10 charges maps to RLIMIT_MEMLOCK, and links, maps and perf events are descriptors.
void raise_limits() {
    for (const auto resource : {RLIMIT_MEMLOCK, RLIMIT_NOFILE}) {
        rlimit limit{};
        if (getrlimit(resource, &limit) != 0) continue;
        rlimit wanted = limit;
        wanted.rlim_cur = wanted.rlim_max = resource == RLIMIT_NOFILE ? std::max<rlim_t>(limit.rlim_max, 65536) : RLIM_INFINITY;
        if (setrlimit(resource, &wanted) == 0) continue;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(resource, &limit) != 0) continue;  // then what we have must do; a failing load says so
    }
}

std::uint32_t time_wait_limit() {
    const std::string text = read_text_at(AT_FDCWD, "/proc/sys/net/ipv4/tcp_max_tw_buckets");
    std::uint32_t limit = 262144;
    std::from_chars(text.data(), text.data() + text.size(), limit);
    return std::clamp(limit, 1024U, 1U << 22);
}

bpf_program* program_named(const sockeye_bpf& skeleton, std::string_view name) {
    return bpf_object__find_program_by_name(skeleton.obj, std::string(name).c_str());
}

std::string errno_text(int error) {
    const char* const name = strerrorname_np(error);
    return name != nullptr ? name : "error " + std::to_string(error);
}

class Attempt {
public:
    Attempt(const TracerOptions& options, KernelCapabilities& kernel, const ProbePlan& plan, LibbpfLog& log)
        : options_(options), kernel_(kernel), plan_(plan), log_(log) {}

    std::optional<Failure> load(LoadedPrograms& loaded) {
        log_.clear();
        loaded.links.detach();
        loaded.skeleton.reset(sockeye_bpf__open());
        if (!loaded.skeleton) return whole("cannot open the BPF object", errno);
        sockeye_bpf& skeleton = *loaded.skeleton;
        loaded.ring_bytes = ring_size(options_);
        if (std::optional<Failure> failure = configure(skeleton, loaded.ring_bytes)) return failure;
        if (const int error = sockeye_bpf__load(&skeleton); error != 0) return load_failure(-error);
        return std::nullopt;
    }

    std::optional<Failure> run(LoadedPrograms& loaded) {
        if (std::optional<Failure> failure = load(loaded)) return failure;
        sockeye_bpf& skeleton = *loaded.skeleton;
        if (Result<void> filled = fill_kernel_filter(options_.filter, skeleton); !filled)
            return Failure{{}, {EIO, filled.error().message, {}}};
        if (std::optional<Failure> failure = attach(loaded)) return failure;
        if (Result<void> added = add_descendants(options_.filter, skeleton); !added)
            return Failure{{}, {EIO, added.error().message, {}}};
        return std::nullopt;
    }

private:
    static Failure whole(const std::string& what, int error) {
        return {{}, {error, what + ": " + errno_text(error), {}}};
    }

    std::optional<Failure> configure(sockeye_bpf& skeleton, std::size_t ring_bytes) const {
        skeleton.rodata->config_features = options_.features.bits();
        skeleton.rodata->config_self_tgid = static_cast<std::uint32_t>(getpid());
        skeleton.rodata->config_wakeup_bytes = ring_bytes / 8;
        if (const PlannedRow* const close = plan_.find("socket_close"); close != nullptr && close->observed)
            skeleton.rodata->config_closes_tell_sockets =
                close->kind != HookKind::fentry && close->kind != HookKind::kprobe ? 1 : 0;
        skeleton.rodata->config_changes_preempted = plan_.hooked("tcp_state_third_chance") ? 1 : 0;
        skeleton.rodata->config_minisock_second_chance = plan_.hooked("time_wait_second_chance") ? 1 : 0;
        skeleton.rodata->config_minisock_turns = plan_.hooked("time_wait_turn") ? 1 : 0;
        skeleton.rodata->config_minisock_segments = plan_.hooked("time_wait_segments") ? 1 : 0;
        if (options_.features.has(Feature::stacks)) {
            skeleton.rodata->config_stack_mask = kStackEntries - 1;
            bpf_map__set_max_entries(skeleton.maps.stack_shapes, kStackEntries);
            bpf_map__set_max_entries(skeleton.maps.known_stacks, kStackEntries);
        }
        set_kernel_filter(options_.filter, skeleton);
        bpf_map__set_max_entries(skeleton.maps.events, static_cast<std::uint32_t>(ring_bytes));
        bpf_map__set_max_entries(skeleton.maps.fin_wait2_minisocks, plan_.time_wait_exact() ? time_wait_limit() : 1);
        size_hash_tables(skeleton);
        for (const PlannedRow& row : plan_.rows) {
            for (const Attachment& attachment : row.attachments) {
                bpf_program* const program = program_named(skeleton, attachment.program);
                if (program == nullptr)
                    return Failure{std::string(attachment.program), {ENOENT, "not part of this build", {}}};
                bpf_program__set_autoload(program, true);
                if (attachment.kind != HookKind::fentry && attachment.kind != HookKind::fexit) continue;
                const int error = bpf_program__set_attach_target(program, 0, std::string(attachment.target).c_str());
                if (error != 0) return blame(attachment, -error, "no such function");
            }
        }
        return std::nullopt;
    }

    // Before 6.1 the kernel warns, which taints it and may be set to panic, and on PREEMPT_RT refuses, where a program on
    // a tracepoint or kprobe uses a table that allocates while it runs (check_map_prog_compatibility(),
    // kernel/bpf/verifier.c). There tables are allocated whole.
    void size_hash_tables(sockeye_bpf& skeleton) const {
        if (kernel_.facts().version >= KernelVersion{6, 1}) return;
        for (bpf_map* const table : {skeleton.maps.ignored_sockets, skeleton.maps.fin_wait2_minisocks, skeleton.maps.exec_closings})
            bpf_map__set_map_flags(table, 0);
        const bool follows_exec = std::ranges::any_of(plan_.rows, [](const PlannedRow& row) {
            return std::ranges::any_of(row.attachments, [](const Attachment& attachment) {
                return std::string_view(attachment.program).starts_with("fd_");
            });
        });
        if (!follows_exec) bpf_map__set_max_entries(skeleton.maps.exec_closings, 1);
    }

    static Failure blame(const Attachment& attachment, int error, const std::string& meaning) {
        return {std::string(attachment.program), {error, errno_text(error) + ": " + meaning, {}}};
    }

    Failure load_failure(int error) const {
        const std::string culprit = log_.failed_program();
        std::string reason = errno_text(error) + " at load of the real program";
        if (const std::string complaint = log_.last_complaint(); !complaint.empty()) reason += ": " + complaint;
        return {culprit, {error, reason, {}}};
    }

    std::optional<Failure> attach(LoadedPrograms& loaded) const {
        std::set<Place> attached;
        loaded.iterators.fill(-ENOENT);
        loaded.kprobes.clear();
        for (const PlannedRow* const row : plan_.in_attach_order()) {
            for (const Attachment& attachment : row->attachments) {
                if (!attached.insert({attachment.program, attachment.target}).second) continue;
                bpf_program* const program = program_named(*loaded.skeleton, attachment.program);
                errno = 0;
                UniqueLink link = attach_one(program, attachment);
                if (!link) return blame(attachment, errno, "at attach");
                if (attachment.kind == HookKind::iterator) keep_iterator(attachment, *link, loaded.iterators);
                if (attachment.kind == HookKind::kprobe || attachment.kind == HookKind::kretprobe)
                    loaded.kprobes.push_back({attachment.program, bpf_link__fd(link.get())});
                loaded.links.add(std::move(link));
            }
        }
        return std::nullopt;
    }

    // Null with errno set when it failed.
    UniqueLink attach_one(bpf_program* program, const Attachment& attachment) const {
        switch (attachment.kind) {
            case HookKind::kprobe:
            case HookKind::kretprobe:
            case HookKind::tracepoint:
            case HookKind::syscall_tracepoint: {
                const int event = kernel_.events().open(attachment, kernel_.tracefs());
                if (event < 0) {
                    errno = -event;
                    return nullptr;
                }
                UniqueFd copy(fcntl(event, F_DUPFD_CLOEXEC, 3));
                UniqueLink link(copy.valid() ? bpf_program__attach_perf_event(program, copy.get()) : nullptr);
                if (!link) return nullptr;
                const int closed_by_link = copy.release();
                if (bpf_link__fd(link.get()) == closed_by_link) kernel_.events().hold_programs();
                return link;
            }
            case HookKind::iterator: return UniqueLink(bpf_program__attach_iter(program, nullptr));
            default: return UniqueLink(bpf_program__attach_trace(program));
        }
    }

    static void keep_iterator(const Attachment& attachment, const bpf_link& link, IteratorLinks& iterators) {
        constexpr std::pair<std::string_view, sweep_table> kTables[] = {{"tcp", SWEEP_TCP},
                                                                         {"udp", SWEEP_UDP},
                                                                         {"unix", SWEEP_UNIX},
                                                                         {"task", SWEEP_PROCESSES},
                                                                         {"task_file", SWEEP_FDS}};
        for (const auto& [target, table] : kTables)
            if (attachment.target == target) iterators[table] = bpf_link__fd(&link);
    }

    const TracerOptions& options_;
    KernelCapabilities& kernel_;
    const ProbePlan& plan_;
    LibbpfLog& log_;
};

// Marks every place where the culprit was to be attached; true if there was one.
bool note_blame(const ProbePlan& plan, const Failure& failure, Blame& blamed) {
    bool found = false;
    for (const PlannedRow& row : plan.rows)
        for (const Attachment& attachment : row.attachments)
            if (attachment.program == failure.culprit)
                found |= blamed.insert_or_assign({attachment.program, attachment.target}, failure.trial).second;
    return found;
}

}  // namespace

std::size_t planned_ring_bytes(const TracerOptions& options) { return ring_size(options); }

namespace {

// Plans and tries, and plans again without what was refused, until it works or nobody is to blame.
template <typename Try>
std::optional<Failure> try_plans(const TracerOptions& options, KernelCapabilities& kernel, LoadedPrograms& loaded,
                                 const Try& try_plan) {
    raise_limits();
    LibbpfLog log(options.libbpf_chatter);
    Blame blamed;
    const PlanRequest request{options.features, options.tier, pid_filter_of(options.filter)};
    const TryHook try_hook = [&blamed, &kernel](const Attachment& attachment) {
        const auto known = blamed.find({attachment.program, attachment.target});
        return known != blamed.end() ? known->second : kernel.try_hook(attachment);
    };
    for (;;) {
        loaded.plan = choose_hooks(request, kernel.facts(), try_hook);
        std::optional<Failure> failure = try_plan(Attempt(options, kernel, loaded.plan, log));
        if (!failure) return std::nullopt;
        // Where programs stay in their events, the next attempt needs events of its own.
        loaded.links.detach();
        kernel.events().reset();
        if (!note_blame(loaded.plan, *failure, blamed)) return failure;
    }
}

}  // namespace

ProbePlan plan_that_loads(const TracerOptions& options, KernelCapabilities& kernel) {
    LoadedPrograms loaded;
    // Where nothing may be loaded at all, the trials of single hooks have said why.
    try_plans(options, kernel, loaded, [&loaded](Attempt attempt) { return attempt.load(loaded); });
    return loaded.plan;
}

Result<LoadedPrograms> load_programs(const TracerOptions& options, KernelCapabilities& kernel) {
    LoadedPrograms loaded;
    const std::optional<Failure> failure =
        try_plans(options, kernel, loaded, [&loaded](Attempt attempt) { return attempt.run(loaded); });
    if (failure)
        return Error("cannot load the BPF programs: " + failure->trial.reason + "; run `sockeye doctor`",
                     ExitCode::unsupported);
    loaded.events = std::move(kernel.events());
    loaded.events.keep_only(loaded.plan);
    return loaded;
}

}  // namespace sockeye
