// SPDX-License-Identifier: GPL-2.0-only
// What the kernel is and what we may do: version, preemption model, rights, BTF.
#include "probes/kernel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

namespace sockeye {
namespace {

Error unsupported(std::string text) { return Error(std::move(text), ExitCode::unsupported); }

// The kernel's build configuration; gzopen() reads plain files, too.
std::string kernel_config(const std::string& release) {
    std::string text;
    for (const std::string& path : {std::string("/proc/config.gz"), "/boot/config-" + release}) {
        const gzFile file = gzopen(path.c_str(), "rbe");
        if (file == nullptr) continue;
        char chunk[16384];
        for (int got = gzread(file, chunk, sizeof(chunk)); got > 0; got = gzread(file, chunk, sizeof(chunk)))
            text.append(chunk, static_cast<std::size_t>(got));
        gzclose(file);
        if (!text.empty()) break;
    }
    return text;
}

PreemptionTexts preemption_texts(const utsname& names) {
    PreemptionTexts texts;
    texts.debugfs = read_text_at(AT_FDCWD, "/sys/kernel/debug/sched/preempt");
    if (texts.debugfs.empty()) {
        const UniqueFd debugfs = detached_mount("debugfs");
        if (debugfs.valid()) texts.debugfs = read_text_at(debugfs.get(), "sched/preempt");
    }
    texts.version = names.version;
    texts.cmdline = read_text_at(AT_FDCWD, "/proc/cmdline");
    texts.config = kernel_config(names.release);
    return texts;
}

// Whether BPF works at all: inside a container or a user namespace capabilities may be there in name only.
int ring_buffer_errno() {
    const int map = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "sockeye_trial", 0, 0, 4096, nullptr);
    if (map < 0) return errno;
    close(map);
    return 0;
}

}  // namespace

Result<KernelCapabilities> KernelCapabilities::ask() {
    KernelCapabilities kernel;
    utsname names{};
    if (uname(&names) != 0) return Error(std::string("uname: ") + std::strerror(errno));
    set_release(kernel.facts_, names.release);

    const Rights rights = rights_of(read_text_at(AT_FDCWD, "/proc/self/status"));
    if (std::string missing = missing_rights(rights); !missing.empty()) return unsupported(std::move(missing));
    kernel.facts_.can_enter_netns = rights.has(kCapSysAdmin);

    // The kernel's programs see the host's process ids, and everything else here would see others.
    constexpr ino_t kInitialPidNamespace = 0xeffffffc;  // PROC_PID_INIT_INO, include/linux/proc_ns.h
    struct stat own {};
    if (stat("/proc/self/ns/pid", &own) == 0 && own.st_ino != kInitialPidNamespace)
        return unsupported("this process lives in a pid namespace of its own, where process ids are not the host's: run on the "
                           "host, or in a container with the host's pid namespace (--pid=host)");

    const int error = ring_buffer_errno();
    if (error == EINVAL)
        return unsupported("Linux " + kernel.facts_.release +
                           " has no BPF ring buffer: sockeye needs Linux 5.10 or newer");
    if (error == EPERM)
        return unsupported(
            "bpf() is refused (EPERM) although the capabilities are there: they must hold in the initial user "
            "namespace, and a container's seccomp profile must allow bpf(); run on the host, or in a container with --privileged --pid=host");
    if (error != 0)
        return unsupported(std::string("cannot create a BPF ring buffer: ") + strerrorname_np(error) +
                           "; with little locked memory allowed raise it (ulimit -l unlimited)");

    kernel.types_.reset(btf__load_vmlinux_btf());
    if (!kernel.types_)
        return unsupported("Linux " + kernel.facts_.release +
                           " gives no type information (/sys/kernel/btf/vmlinux): sockeye needs a kernel built with "
                           "CONFIG_DEBUG_INFO_BTF=y");
    set_preemption(kernel.facts_, preemption_texts(names));
    return kernel;
}

int KernelCapabilities::argument_count(const char* function) const {
    const int id = btf__find_by_name_kind(types_.get(), function, BTF_KIND_FUNC);
    if (id < 0) return -1;
    const btf_type* const prototype =
        btf__type_by_id(types_.get(), btf__type_by_id(types_.get(), static_cast<unsigned>(id))->type);
    return prototype == nullptr ? -1 : static_cast<int>(btf_vlen(prototype));
}

HookTrial KernelCapabilities::try_hook(const Attachment& attachment) {
    if (attachment.arguments >= 0) {
        const int arguments = argument_count(std::string(attachment.target).c_str());
        if (arguments >= 0 && arguments != attachment.arguments)
            return {EINVAL, "has " + std::to_string(arguments) + " arguments here, this program wants " +
                                std::to_string(attachment.arguments), {}};
    }
    const std::tuple key(attachment.kind, attachment.program, attachment.target);
    const auto known = answers_.find(key);
    if (known != answers_.end()) return known->second;
    return answers_.emplace(key, try_now(attachment)).first->second;
}

}  // namespace sockeye
