// SPDX-License-Identifier: GPL-2.0-only
// The probe table: one row (ProbePoint) for each thing to observe, with the hooks that can observe it, best
// first. Data only; choose_hooks() picks. Why the hooks stand in this order was measured: a kernel silently
// skips fentry and fexit programs, and from 7.0 tp_btf programs, when another task was preempted inside
// them, while kprobes and classic tracepoints lose nothing.
#pragma once

#include <span>
#include <string_view>

#include "probes/plan.h"

namespace sockeye {

// How far an alternative can be trusted; the lower, the better. Preemption may lower it further.
enum class Trust : std::uint8_t {
    exact,      // sees every event
    measured,   // lost nothing in any run on such a kernel, though the kernel does not promise it
    partial,    // does not see what `cost` names
    concluded,  // no hook at all: other rows' events and the tables tell
    lossy,      // loses events under load
};

enum class Choice : std::uint8_t {
    open,
    only_forced,  // taken only when the user forces its tier
};

enum class Context : std::uint8_t {
    any,
    mostly_softirq,  // it runs mostly in softirqs, where no other task can come in between
};

struct Alternative {
    HookKind kind;
    std::span<const Attachment> attachments = {};
    std::string_view hook = {};  // as doctor prints it; empty: the first attachment's name
    Trust trust = Trust::exact;
    std::string_view cost = {};  // choice only_forced: why it is not taken otherwise
    Choice choice = Choice::open;
    Context context = Context::any;
};

enum class GroupRole : std::uint8_t {
    member,    // all members of a group are hooked or none is: half of the truth would read as a lie
    follower,  // hooked only where the members are
};

enum class Purpose : std::uint8_t {
    observe,
    witness,  // one of many is enough: what it misses is no loss
    repair,  // catches what another row's hook missed: what it misses itself is no loss of its own
};

enum class Condition : std::uint8_t {
    always,
    pid_filter,
    preempted_tracepoints,  // tasks can be preempted inside a tp_btf program: from 7.0 on, unless preemption is cooperative
};

struct ProbePoint {
    std::string_view row;
    FeatureSet features;  // any of them wants it; empty: always wanted
    std::span<const Alternative> alternatives;
    std::string_view repaired_by = {};  // an earlier row whose hook writes what this one's was too busy for
    std::string_view told_by = {};  // an earlier row which, where it is observed, tells this, too
    std::string_view group = {};
    GroupRole role = GroupRole::member;
    Condition condition = Condition::always;
    Purpose purpose = Purpose::observe;
    AttachTurn attach_turn = AttachTurn::usual;
};

std::span<const ProbePoint> probe_table();

}  // namespace sockeye
