// SPDX-License-Identifier: GPL-2.0-only
// Who may look at another process's descriptors: proc_fd_permission() in fs/proc/fd.c and proc_fd_access_allowed() in
// fs/proc/base.c. How many there are the folder's own size tells, since 6.2 and to everybody (f1f1f2569901).
#include "sampling/proc_tables.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/proc_text.h"
#include "probes/ktime.h"
#include "sampling/proc_process.h"

namespace sockeye {
namespace {

// Listing more numbers just for the highest costs more than it tells at each sample.
constexpr off_t kMostListed = 1024;

struct FolderCloser {
    void operator()(DIR* folder) const { closedir(folder); }
};
using UniqueFolder = std::unique_ptr<DIR, FolderCloser>;

std::optional<std::uint32_t> number_in(const char* name) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name, name + std::strlen(name), number);
    if (error != std::errc{} || *end != '\0') return std::nullopt;
    return number;
}

std::string proc_folder(std::uint32_t tgid) { return "/proc/" + std::to_string(tgid); }

// Hands over the numbers that are names in a folder, until `visit` says false.
template <typename Visit>
void each_number(DIR* folder, const Visit& visit) {
    while (const dirent* const entry = readdir(folder)) {
        const std::optional<std::uint32_t> number = number_in(entry->d_name);
        if (number.has_value() && !visit(*number, entry->d_name)) return;
    }
}

Result<int> list_processes(std::vector<std::uint32_t>& tgids) {
    const UniqueFolder proc(opendir("/proc"));
    if (!proc) return errno;
    each_number(proc.get(), [&tgids](std::uint32_t tgid, const char*) {
        tgids.push_back(tgid);
        return true;
    });
    return 0;
}

// The text of a link; empty: it has gone, or may not be looked at.
std::string_view link_text(int folder, const char* name, std::array<char, 256>& buffer) {
    const ssize_t length = readlinkat(folder, name, buffer.data(), buffer.size());
    return length <= 0 ? std::string_view() : std::string_view(buffer.data(), static_cast<std::size_t>(length));
}

DescriptorLimits limits_of_process(std::uint32_t tgid) {
    rlimit limits{};
    if (prlimit(static_cast<pid_t>(tgid), RLIMIT_NOFILE, nullptr, &limits) == 0)
        return {.soft = limits.rlim_cur, .hard = limits.rlim_max};
    return parse_descriptor_limits(read_text((proc_folder(tgid) + "/limits").c_str())).value_or(DescriptorLimits{});
}

std::uint64_t nanoseconds(std::uint64_t ticks) {
    static const auto per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
    return ticks * (1'000'000'000 / per_second);
}

fd_kind kind_of(int folder, const char* name, std::string_view link) {
    if (const std::optional<fd_kind> kind = kind_of_link(link); kind.has_value()) return *kind;
    // What the file system last knew: a server that doesn't answer must not hold us up.
    struct statx status {};
    if (statx(folder, name, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &status) != 0) return FD_KIND_other;
    return kind_of_inode(status.stx_mode, status.stx_rdev_major);
}

}  // namespace

bool proc_hides_processes() {
    constexpr std::string_view kInitial = "pid:[4026531836]";  // PROC_PID_INIT_INO, include/linux/proc_ns.h
    std::array<char, 256> buffer{};
    return link_text(AT_FDCWD, "/proc/self/ns/pid", buffer) != kInitial || access("/proc/1/stat", R_OK) != 0;
}

void ProcTables::count(const std::string& folder, Known& known, existing_process_event& record) {
    struct stat status {};
    const off_t size = stat(folder.c_str(), &status) == 0 ? status.st_size : 0;
    const UniqueFolder fds(opendir(folder.c_str()));
    known.hidden = !fds && (errno == EACCES || errno == EPERM);
    if (size > 0) record.fds_open = static_cast<se_u32>(size);
    if (!fds) return;
    if (size > kMostListed && known.highest >= 0) {
        record.fds_highest = std::max(known.highest, static_cast<std::int32_t>(size) - 1);
        return;
    }
    std::uint32_t open = 0;
    known.highest = -1;
    each_number(fds.get(), [&](std::uint32_t fd, const char* name) {
        std::array<char, 256> buffer{};
        errno = 0;
        if (open == 0 && link_text(dirfd(fds.get()), name, buffer).empty()) known.hidden = errno == EACCES || errno == EPERM;
        known.highest = std::max(known.highest, static_cast<std::int32_t>(fd));
        ++open;
        return true;
    });
    record.fds_open = open;
    record.fds_highest = known.highest;
}

bool ProcTables::fill(std::uint32_t tgid, existing_process_event& record) {
    const std::string folder = proc_folder(tgid);
    record.header.ktime_ns = ktime_now();
    const std::string text = read_text((folder + "/stat").c_str());
    const std::optional<ProcessStat> stat = parse_process_stat(text);
    if (!stat.has_value()) return false;
    Known& known = known_[tgid];
    known.round = round_;
    if (known.ns_tgid == 0 || known.start_ticks != stat->start_ticks) {
        known = {.start_ticks = stat->start_ticks, .round = round_, .kernel_thread = stat->kernel_thread};
        known.ns_tgid = own_namespace_pid(read_text((folder + "/status").c_str())).value_or(tgid);
    }
    record.header.kind = WIRE_existing_process;
    record.header.size = sizeof(record);
    record.header.tgid = record.header.tid = tgid;
    record.start_ns = nanoseconds(stat->start_ticks);
    record.parent_tgid = stat->parent;
    record.ns_tgid = known.ns_tgid;
    const DescriptorLimits limits = limits_of_process(tgid);
    record.fds_soft_limit = limits.soft;
    record.fds_hard_limit = limits.hard;
    stat->comm.copy(record.comm, sizeof(record.comm) - 1);
    record.fds_open = FD_COUNT_UNKNOWN;
    record.fds_highest = -1;
    if (known.kernel_thread) {
        record.fds_open = 0;
    } else if (stat->state != 'Z') {
        count(folder + "/fd", known, record);
    }
    if (known.hidden) record.header.flags |= WIRE_FLAG_FDS_HIDDEN;
    // Of a process that we may not look at 5.10 shows the folder instead of an error.
    struct stat netns {};
    if (!known.kernel_thread && ::stat((folder + "/ns/net").c_str(), &netns) == 0 && S_ISREG(netns.st_mode))
        record.netns = static_cast<se_u32>(netns.st_ino);
    record.counting_ns = static_cast<se_u32>(std::min<std::uint64_t>(ktime_now() - record.header.ktime_ns, UINT32_MAX));
    return true;
}

Result<int> ProcTables::read_processes(const TakeProcess& take) {
    std::vector<std::uint32_t> tgids;
    if (const Result<int> listed = list_processes(tgids); !listed || *listed != 0) return listed;
    ++round_;
    for (const std::uint32_t tgid : tgids) {
        existing_process_event record{};
        if (!fill(tgid, record)) continue;
        if (Result<void> taken = take(record); !taken) return taken.error();
    }
    std::erase_if(known_, [this](const auto& entry) { return entry.second.round != round_; });
    return 0;
}

Result<int> ProcTables::read_descriptors(const SocketOfInode& socket_of, const TakeDescriptor& take) {
    std::vector<std::uint32_t> tgids;
    if (const Result<int> listed = list_processes(tgids); !listed || *listed != 0) return listed;
    Result<void> taken;
    for (const std::uint32_t tgid : tgids) {
        const auto known = known_.find(tgid);
        if (known != known_.end() && (known->second.kernel_thread || known->second.hidden)) continue;
        const UniqueFolder fds(opendir((proc_folder(tgid) + "/fd").c_str()));
        if (!fds) continue;
        std::int32_t highest = -1;
        each_number(fds.get(), [&](std::uint32_t fd, const char* name) {
            highest = std::max(highest, static_cast<std::int32_t>(fd));
            std::array<char, 256> buffer;
            const std::string_view link = link_text(dirfd(fds.get()), name, buffer);
            if (link.empty()) return true;
            existing_fd_event record{};
            record.header.kind = WIRE_existing_fd;
            record.header.size = sizeof(record);
            record.header.ktime_ns = ktime_now();
            record.header.tgid = record.header.tid = tgid;
            record.fd = static_cast<se_s32>(fd);
            record.fd_kind = kind_of(dirfd(fds.get()), name, link);
            if (record.fd_kind == FD_KIND_socket) record.sk = socket_of(socket_inode_of_link(link));
            taken = take(record);
            return taken.ok();
        });
        if (!taken) return taken.error();
        if (known != known_.end()) known->second.highest = highest;
    }
    return 0;
}

}  // namespace sockeye
