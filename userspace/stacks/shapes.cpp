// SPDX-License-Identifier: GPL-2.0-only
#include "stacks/shapes.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "settings.h"

namespace sockeye {

Result<StackShapes> StackShapes::open(int map_fd, std::size_t entries) {
    StackShapes shapes;
    shapes.entries_ = entries;
    void* const memory =
        mmap(nullptr, entries * sizeof(stack_shape), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (memory == MAP_FAILED) return Error(std::string("cannot map the map stack_shapes: ") + std::strerror(errno));
    shapes.memory_ = memory;
    return shapes;
}

StackShapes::StackShapes(StackShapes&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), entries_(other.entries_) {}

StackShapes& StackShapes::operator=(StackShapes&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(entries_, other.entries_);
    return *this;
}

StackShapes::~StackShapes() {
    if (memory_ != nullptr) munmap(memory_, entries_ * sizeof(stack_shape));
}

void StackShapes::learn(std::uint64_t identity, std::span<const std::uint64_t> slots) {
    if (memory_ == nullptr) return;
    stack_shape& shape = static_cast<stack_shape*>(memory_)[identity >> 32 & (entries_ - 1)];
    if (__atomic_load_n(&shape.identity, __ATOMIC_ACQUIRE) != identity) return;
    const std::uint32_t known = std::min<std::uint32_t>(shape.count, STACK_SHAPE_SLOTS);
    std::vector<std::uint16_t> words(shape.slots, shape.slots + known);
    for (const std::uint64_t slot : slots) {
        const auto word = static_cast<std::uint16_t>(slot / 8);
        if (words.size() >= STACK_SHAPE_SLOTS) break;
        if (std::ranges::find(words, word) == words.end()) words.push_back(word);
    }
    // A way that ends at once has no caller; the word at sp tells it from others that come this way.
    if (words.empty()) words.push_back(0);
    // New ones come behind those that are there: whoever reads meanwhile makes a number from fewer words.
    std::ranges::copy(words, shape.slots);
    __atomic_store_n(&shape.count, static_cast<std::uint32_t>(words.size()), __ATOMIC_RELEASE);
}

}  // namespace sockeye
