// SPDX-License-Identifier: GPL-2.0-only
// LargeAllocator gives big tables memory on huge pages where the kernel has some to give. A table of a
// million sockets spans 40,000 small pages; finding a page then costs as much as fetching the data.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>

namespace sockeye {

inline constexpr std::size_t kHugePage = 2UL * 1024 * 1024;

template <typename T>
struct LargeAllocator {
    using value_type = T;

    LargeAllocator() = default;
    template <typename U>
    LargeAllocator(const LargeAllocator<U>&) {}

    [[nodiscard]] T* allocate(std::size_t count) {
        const std::size_t bytes = count * sizeof(T);
        void* memory = ::operator new(bytes, alignment(bytes));
        // Advice only: without huge pages everything works, slower.
        if (bytes >= kHugePage) ::madvise(memory, bytes, MADV_HUGEPAGE);
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, std::size_t count) noexcept {
        ::operator delete(memory, alignment(count * sizeof(T)));
    }
    friend bool operator==(const LargeAllocator&, const LargeAllocator&) { return true; }

private:
    static std::align_val_t alignment(std::size_t bytes) {
        const std::size_t least = alignof(T) > 64 ? alignof(T) : 64;  // a cache line
        return std::align_val_t{bytes >= kHugePage ? kHugePage : least};
    }
};

}  // namespace sockeye
