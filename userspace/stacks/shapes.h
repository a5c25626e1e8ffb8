// SPDX-License-Identifier: GPL-2.0-only
// StackShapes: our side of the map stack_shapes (bpf/user_stack.h), mapped into memory so that an answer costs no
// system call: while one on a map is under way, kernels that preempt it skip classic tracepoints' programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace sockeye {

class StackShapes {
public:
    // `map_fd`: an mmapable array of `entries` stack_shape, a power of two; must outlive this.
    static Result<StackShapes> open(int map_fd, std::size_t entries);
    StackShapes() = default;
    StackShapes(StackShapes&& other) noexcept;
    StackShapes& operator=(StackShapes&& other) noexcept;
    ~StackShapes();

    // Return addresses were found at these distances from sp, in bytes; adds them to those known of this shape, as far
    // as there is room. Nothing happens when the place has gone to another shape.
    void learn(std::uint64_t identity, std::span<const std::uint64_t> slots);

private:
    void* memory_ = nullptr;
    std::size_t entries_ = 0;
};

}  // namespace sockeye
