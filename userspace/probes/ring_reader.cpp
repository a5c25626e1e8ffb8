// SPDX-License-Identifier: GPL-2.0-only
// The reader's side of the kernel's ring buffer protocol (kernel/bpf/ringbuf.c, Documentation/bpf/ringbuf.rst).
#include "probes/ring_reader.h"

#include <linux/bpf.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sockeye/event.h"

namespace sockeye {
namespace {

constexpr std::uint64_t kMostPerCall = std::uint64_t{4} << 20;
constexpr std::uint64_t kReleaseEvery = std::uint64_t{1} << 20;

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

std::uint64_t load_acquire(const void* address) {
    return __atomic_load_n(static_cast<const std::uint64_t*>(address), __ATOMIC_ACQUIRE);
}
void store_release(void* address, std::uint64_t value) {
    __atomic_store_n(static_cast<std::uint64_t*>(address), value, __ATOMIC_RELEASE);
}

Error ring_error(const char* what) {
    return Error(std::string("ring buffer: ") + what + ": " + std::strerror(errno));
}

}  // namespace

Result<RingReader> RingReader::open(int map_fd, std::size_t ring_bytes) {
    RingReader reader;
    reader.ring_bytes_ = ring_bytes;
    void* const consumer = mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    if (consumer == MAP_FAILED) return ring_error("cannot map the reader's page");
    reader.consumer_page_ = consumer;
    void* const producer = mmap(nullptr, page_size() + 2 * ring_bytes, PROT_READ, MAP_SHARED, map_fd,
                                static_cast<off_t>(page_size()));
    if (producer == MAP_FAILED) return ring_error("cannot map the data");
    reader.producer_page_ = producer;

    // Edge-triggered: level-triggered, the ring would count as readable whenever a record waits, and the
    // loop would spin instead of sleeping until the fill mark.
    reader.poll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
    if (!reader.poll_.valid()) return ring_error("epoll_create1");
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLET;
    if (epoll_ctl(reader.poll_.get(), EPOLL_CTL_ADD, map_fd, &wanted) != 0) return ring_error("epoll_ctl");
    return reader;
}

RingReader::RingReader(RingReader&& other) noexcept
    : ring_bytes_(other.ring_bytes_),
      consumer_page_(std::exchange(other.consumer_page_, nullptr)),
      producer_page_(std::exchange(other.producer_page_, nullptr)),
      poll_(std::move(other.poll_)),
      high_bytes_(other.high_bytes_),
      malformed_(other.malformed_) {}

RingReader::~RingReader() {
    if (consumer_page_ != nullptr) munmap(consumer_page_, page_size());
    if (producer_page_ != nullptr) munmap(producer_page_, page_size() + 2 * ring_bytes_);
}

std::uint64_t RingReader::reserved() const { return load_acquire(producer_page_); }

bool RingReader::has_read(std::uint64_t reserved) const { return load_acquire(consumer_page_) >= reserved; }

Result<SourceStatus> RingReader::read(RecordBatch& batch) {
    epoll_event edge{};
    if (epoll_wait(poll_.get(), &edge, 1, 0) < 0 && errno != EINTR) return ring_error("epoll_wait");

    const std::byte* const data = static_cast<const std::byte*>(producer_page_) + page_size();
    const std::uint64_t submitted = load_acquire(producer_page_);
    std::uint64_t position = load_acquire(consumer_page_);
    high_bytes_ = std::max(high_bytes_, submitted - position);

    const std::uint64_t end = std::min(submitted, position + kMostPerCall);
    const std::size_t before = batch.size();
    std::uint64_t released = position;
    while (position < end) {
        const std::byte* const slot = data + (position & (ring_bytes_ - 1));
        const std::uint32_t length = __atomic_load_n(reinterpret_cast<const std::uint32_t*>(slot), __ATOMIC_ACQUIRE);
        if ((length & BPF_RINGBUF_BUSY_BIT) != 0) break;  // reserved, not yet submitted: order is kept
        const std::size_t size = length & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
        if ((length & BPF_RINGBUF_DISCARD_BIT) == 0) {
            const std::byte* const record = slot + BPF_RINGBUF_HDR_SZ;
            event_header header{};
            if (size >= sizeof(header)) std::memcpy(&header, record, sizeof(header));
            if (size >= sizeof(header) && header.size == size && size % 8 == 0)
                batch.insert(batch.end(), record, record + size);
            else
                ++malformed_;
        }
        position += (size + BPF_RINGBUF_HDR_SZ + 7) & ~std::uint64_t{7};
        if (position - released >= kReleaseEvery) {
            store_release(consumer_page_, position);
            released = position;
        }
    }
    if (position != released) store_release(consumer_page_, position);
    return batch.size() == before ? SourceStatus::idle : SourceStatus::records;
}

}  // namespace sockeye
