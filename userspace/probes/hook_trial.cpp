// SPDX-License-Identifier: GPL-2.0-only
// Tries hooks: loads a program of two instructions at the hook's place, attaches it where only attaching
// tells the truth, and takes it away again; opens the perf event of tracepoints and kprobes. Turns the errno into a reason and a remedy.
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <iterator>

#include "probes/kernel.h"

namespace sockeye {
namespace {

// r0 = 0; exit
constexpr bpf_insn kReturnZero[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
};

std::string error_name(int error) {
    if (error == 524) return "ENOTSUPP";  // the kernel's own, unknown to libc
    const char* const name = strerrorname_np(error);
    return name != nullptr ? name : "error " + std::to_string(error);
}

HookTrial refused(int error, const std::string& meaning, std::string remedy = {}) {
    return {error, error_name(error) + ": " + meaning, std::move(remedy)};
}

constexpr const char* kAdminRemedy = "run as root (CAP_SYS_ADMIN)";

HookTrial trampoline_refused(int error, const char* when) {
    const std::string at = std::string(" (at ") + when + ")";
    switch (error) {
        case EPERM:
        case EACCES:
            return refused(error, "this kernel has no BPF trampolines, or is locked down" + at,
                           "a kernel with BPF trampolines (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y) and no lockdown");
        case EBUSY: return refused(error, "the function cannot be hooked" + at);
        case 524: return refused(error, "the function has more arguments than a trampoline passes" + at);
        default: return refused(error, "no trampoline at this function" + at);
    }
}

}  // namespace

HookTrial KernelCapabilities::try_now(const Attachment& attachment) {
    switch (attachment.kind) {
        case HookKind::tracepoint:
        case HookKind::syscall_tracepoint:
            return try_tracepoint(attachment);
        case HookKind::kprobe:
        case HookKind::kretprobe:
            return try_kprobe(attachment);
        case HookKind::btf_tracepoint:
        case HookKind::fentry:
        case HookKind::fexit:
        case HookKind::iterator:
            return try_traced(attachment);
        case HookKind::inference:
        case HookKind::polling:
            break;
    }
    return {};
}

// tp_btf, fentry, fexit and iterators: programs bound to a type id. fentry and fexit are attached, too:
// that BTF names a function does not make it hookable.
HookTrial KernelCapabilities::try_traced(const Attachment& attachment) const {
    const std::string target(attachment.target);
    const bool trampoline = attachment.kind == HookKind::fentry || attachment.kind == HookKind::fexit;
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    int id = -ENOENT;
    switch (attachment.kind) {
        case HookKind::btf_tracepoint:
            id = btf__find_by_name_kind(types_.get(), ("btf_trace_" + target).c_str(), BTF_KIND_TYPEDEF);
            options.expected_attach_type = BPF_TRACE_RAW_TP;
            break;
        case HookKind::iterator:
            id = btf__find_by_name_kind(types_.get(), ("bpf_iter_" + target).c_str(), BTF_KIND_FUNC);
            options.expected_attach_type = BPF_TRACE_ITER;
            break;
        default:
            id = btf__find_by_name_kind(types_.get(), target.c_str(), BTF_KIND_FUNC);
            options.expected_attach_type =
                attachment.kind == HookKind::fentry ? BPF_TRACE_FENTRY : BPF_TRACE_FEXIT;
            break;
    }
    if (id < 0) return refused(ENOENT, "this kernel has none of that name");
    options.attach_btf_id = static_cast<std::uint32_t>(id);
    const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_TRACING, "sockeye_trial", "GPL", kReturnZero,
                                         std::size(kReturnZero), &options));
    if (!program.valid()) {
        const int error = errno;
        return trampoline ? trampoline_refused(error, "load") : refused(error, "refused at load");
    }
    if (!trampoline) return {};
    const UniqueFd link(bpf_raw_tracepoint_open(nullptr, program.get()));
    return link.valid() ? HookTrial{} : trampoline_refused(errno, "attach");
}

HookTrial KernelCapabilities::try_kprobe(const Attachment& attachment) {
    const int event = events_.open(attachment, tracefs_);
    if (event >= 0) return {};
    const int error = -event;
    switch (error) {
        case ENODEV:
            return refused(error, "this kernel has no kprobes",
                           "a kernel with CONFIG_KPROBES=y and CONFIG_KPROBE_EVENTS=y");
        case EACCES:
        case EPERM:
            return refused(error, "kprobes want CAP_SYS_ADMIN here, or lockdown forbids them", kAdminRemedy);
        case ENOENT:
        case EADDRNOTAVAIL:
            return refused(error, "this kernel has no such function");
        default:
            return refused(error, "refused at attach");
    }
}

HookTrial KernelCapabilities::try_tracepoint(const Attachment& attachment) {
    const int event = events_.open(attachment, tracefs_);
    if (event >= 0) return {};
    const int error = -event;
    switch (error) {
        case EACCES:
        case EPERM:
            return refused(error,
                           "classic tracepoints want CAP_SYS_ADMIN here (tracefs is for root; see also "
                           "kernel.perf_event_paranoid)",
                           kAdminRemedy);
        case ENOENT:
            return refused(error, "this kernel has no such tracepoint",
                           attachment.kind == HookKind::syscall_tracepoint ? "a kernel with CONFIG_FTRACE_SYSCALLS=y"
                                                                           : "");
        default:
            return refused(error, "refused at attach");
    }
}

}  // namespace sockeye
