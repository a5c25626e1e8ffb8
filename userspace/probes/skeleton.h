// SPDX-License-Identifier: GPL-2.0-only
// The generated skeleton of the BPF object, with the types that its settings and counters are made of.
#pragma once

#include "settings.h"

// The names that BPF code uses for plain settings; the skeleton repeats them.
using u8 = se_u8;
using u16 = se_u16;
using u32 = se_u32;
using u64 = se_u64;
using s32 = se_s32;
using s64 = se_s64;

#include "sockeye.skel.h"

#include <memory>

namespace sockeye {

struct SkeletonDeleter {
    void operator()(sockeye_bpf* skeleton) const { sockeye_bpf__destroy(skeleton); }
};
using UniqueSkeleton = std::unique_ptr<sockeye_bpf, SkeletonDeleter>;

}  // namespace sockeye
