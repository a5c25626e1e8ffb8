// SPDX-License-Identifier: GPL-2.0-only
// The exit record of a process comes before its descriptors are closed, so the dead are kept for a while.
#include "aggregate/process_events.h"

#include "aggregate/container_id.h"
#include "base/format.h"

namespace sockeye {
namespace {

constexpr std::size_t kMostDead = 4096;
constexpr std::uint64_t kSecond = 1'000'000'000;

}  // namespace

void ProcessEvents::fork(const fork_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    const Comm comm(record.comm);
    model_.processes.acting(record.header.tgid, comm, now);
    const std::uint32_t child = model_.processes.forked(record.header.tgid, record.child_tgid, comm, now);
    model_.fds.copied(child, record.child_fds, now);
    writer_.follow_fork(record.header.tgid, record.child_tgid);
}

void ProcessEvents::exec(const exec_event& record) {
    const std::uint32_t index =
        model_.processes.acting(record.header.tgid, Comm(record.comm), record.header.ktime_ns);
    // The thread that calls exec becomes the process, whatever its name was.
    if (index != ProcessTable::kNone && record.comm[0] != '\0')
        model_.processes.at(index).comm = Comm(record.comm);
    writer_.exec(record.header, index, text_in(record.filename));
}

void ProcessEvents::exit(const exit_event& record) {
    const std::uint64_t now = record.header.ktime_ns;
    const std::uint32_t index = model_.processes.ending(record.header.tgid, now);
    if (index == ProcessTable::kNone) return;
    Process& process = model_.processes.at(index);
    if (process.comm.empty()) process.comm = Comm(record.comm);
    model_.processes.exited(index, now);
    model_.openers.ended(index);
    writer_.exit(record.header, index, record.fds);
    if (model_.processes.dead() > kMostDead) collect(now, kSecond);
}

void ProcessEvents::fd(const fd_event& record) {
    const bool opened = record.header.kind == WIRE_fd_open;
    const std::uint64_t now = record.header.ktime_ns;
    const std::uint32_t process = opened ? model_.processes.acting(record.header.tgid, Comm(record.comm), now)
                                         : model_.processes.ending(record.header.tgid, now);
    if (process == ProcessTable::kNone) return;
    // The dead keep their names. Those who live may have taken a new one since their last open that was not lost.
    if (Process& closing = model_.processes.at(process); !opened && closing.alive && record.comm[0] != '\0')
        closing.comm = Comm(record.comm);
    const bool wants_stacks = model_.run.features.has(Feature::stacks);
    if (opened) {
        model_.fds.opened(process, record);
        if (wants_stacks) model_.openers.opened(process, record);
    } else {
        model_.fds.closed(process, record);
        if (wants_stacks) model_.openers.closed(process, record);
    }
    if (!writer_.wants(opened ? EventKind::fd_open : EventKind::fd_close)) return;
    const std::uint32_t socket = model_.sockets.find_sk(record.sk);
    writer_.fd(opened ? EventKind::fd_open : EventKind::fd_close, record.header, process,
               socket != SocketTable::kNone ? &model_.sockets.at(socket) : nullptr,
               {.fd = record.fd, .fd_kind = record.fd_kind, .via = record.via});
}

void ProcessEvents::refused(const fd_refused_event& record) {
    const std::uint32_t process = model_.processes.acting(record.header.tgid, Comm(record.comm), record.header.ktime_ns);
    if (process != ProcessTable::kNone) model_.refusals.refused(process, record);
}

void ProcessEvents::info(const process_info_event& record) {
    const std::uint32_t index = model_.processes.ending(record.header.tgid, record.header.ktime_ns);
    if (index == ProcessTable::kNone) return;
    Process& process = model_.processes.at(index);
    process.cgroup = text_in(record.cgroup);
    process.container = container_of(process.cgroup);
}

void ProcessEvents::collect(std::uint64_t now_ns, std::uint64_t patience_ns) {
    if (now_ns < patience_ns) return;
    model_.processes.collect(now_ns - patience_ns, [&](std::uint32_t index) {
        model_.fds.forget(index);
        // What it left open, and what it was refused, stays to be told.
        model_.refusals.bury(index, model_.processes.at(index));
        model_.openers.bury(index, model_.processes.at(index));
        model_.openers.forget(index);
    });
}

}  // namespace sockeye
