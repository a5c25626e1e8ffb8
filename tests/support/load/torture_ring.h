// SPDX-License-Identifier: GPL-2.0-only
// Acts of fd_torture through io_uring, by bare system calls: opens, accepts, sockets and closes, in the caller's
// context or by a worker of the kernel, into the process's table or into the ring's own, which are no descriptors.
#pragma once

#include <linux/io_uring.h>

#include "support/load/torture_opens.h"

namespace torture {

// Newer than the headers of some hosts.
constexpr std::uint8_t kOpSocket = 45, kOpFixedFdInstall = 54;

// One submission at a time. Never blocks: another thread may have closed the ring or put another one there.
class Ring {
public:
    Ring() {
        io_uring_params parameters{};
        fd_ = static_cast<int>(syscall(SYS_io_uring_setup, 4, &parameters));
        if (fd_ < 0) return;
        queue_size_ =
            std::max<std::size_t>(parameters.sq_off.array + parameters.sq_entries * sizeof(std::uint32_t),
                                  parameters.cq_off.cqes + parameters.cq_entries * sizeof(io_uring_cqe));
        entries_size_ = parameters.sq_entries * sizeof(io_uring_sqe);
        queue_ =
            mmap(nullptr, queue_size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, IORING_OFF_SQ_RING);
        entries_ =
            mmap(nullptr, entries_size_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, IORING_OFF_SQES);
        if (!usable()) return;
        submit_tail_ = word(parameters.sq_off.tail);
        submit_array_ = word(parameters.sq_off.array);
        submit_mask_ = *word(parameters.sq_off.ring_mask);
        done_head_ = word(parameters.cq_off.head);
        done_tail_ = word(parameters.cq_off.tail);
        done_mask_ = *word(parameters.cq_off.ring_mask);
        done_ = reinterpret_cast<io_uring_cqe*>(static_cast<char*>(queue_) + parameters.cq_off.cqes);
    }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() {
        if (queue_ != MAP_FAILED) munmap(queue_, queue_size_);
        if (entries_ != MAP_FAILED) munmap(entries_, entries_size_);
    }
    [[nodiscard]] int fd() const { return fd_; }
    [[nodiscard]] bool usable() const { return fd_ >= 0 && queue_ != MAP_FAILED && entries_ != MAP_FAILED; }

    // Its result; −EIO when it did not begin, −ETIME when it may still end.
    int run(const io_uring_sqe& entry) {
        std::uint32_t tail = *submit_tail_, index = tail & submit_mask_;
        static_cast<io_uring_sqe*>(entries_)[index] = entry;
        submit_array_[index] = index;
        __atomic_store_n(submit_tail_, tail + 1, __ATOMIC_RELEASE);
        if (syscall(SYS_io_uring_enter, fd_, 1, 0, 0, nullptr, 0) < 1) return -EIO;
        return next();
    }
    // The next result, of one that completes more than once.
    int next() {
        for (int tries = 0; tries < 20000; tries++) {
            std::uint32_t head = *done_head_;
            if (__atomic_load_n(done_tail_, __ATOMIC_ACQUIRE) != head) {
                int result = done_[head & done_mask_].res;
                __atomic_store_n(done_head_, head + 1, __ATOMIC_RELEASE);
                return result;
            }
            if (tries > 100) sched_yield();
        }
        return -ETIME;
    }

private:
    std::uint32_t* word(std::uint32_t offset) const {
        return reinterpret_cast<std::uint32_t*>(static_cast<char*>(queue_) + offset);
    }

    int fd_ = -1;
    std::size_t queue_size_ = 0, entries_size_ = 0;
    void *queue_ = MAP_FAILED, *entries_ = MAP_FAILED;
    std::uint32_t *submit_tail_ = nullptr, *submit_array_ = nullptr, *done_head_ = nullptr, *done_tail_ = nullptr;
    std::uint32_t submit_mask_ = 0, done_mask_ = 0;
    io_uring_cqe* done_ = nullptr;
};

inline io_uring_sqe sqe(Worker& w, unsigned operation, int fd) {
    io_uring_sqe entry{};
    w.slot.flags |= kRinged;
    entry.opcode = static_cast<std::uint8_t>(operation);
    entry.fd = fd;
    if (w.random.one_in(3)) entry.flags = IOSQE_ASYNC;
    return entry;
}

inline int run(Worker& w, Ring& ring, const io_uring_sqe& entry) {
    const int result = ring.run(entry);
    if (result == -ETIME) w.slot.flags |= kUnfinished;
    return result;
}

// The ring's descriptor stays for a while, or goes at once.
inline bool ring_result(Worker& w, Ring& ring, int result) {
    if (w.random.one_in(4))
        w.keep(ring.fd());
    else if (ring.fd() >= 0)
        w.discard(ring.fd());
    return w.keep(result);
}

inline bool act_ring_open(Worker& w) {
    Ring ring;
    if (!ring.usable()) return ring_result(w, ring, -1);
    open_how how{};
    io_uring_sqe entry = sqe(w, w.random.one_in(2) ? IORING_OP_OPENAT : IORING_OP_OPENAT2, AT_FDCWD);
    entry.addr = reinterpret_cast<std::uint64_t>(some_path(w));
    int flags = O_RDONLY | O_NOCTTY | w.cloexec(O_CLOEXEC);
    if (entry.opcode == IORING_OP_OPENAT) {
        entry.open_flags = static_cast<std::uint32_t>(flags);
    } else {
        how.flags = static_cast<std::uint64_t>(flags);
        entry.len = sizeof how;
        entry.off = reinterpret_cast<std::uint64_t>(&how);
    }
    return ring_result(w, ring, run(w, ring, entry));
}
inline bool act_ring_accept(Worker& w) {
    Ring ring;
    if (!ring.usable()) return ring_result(w, ring, -1);
    Listening listening(w);
    io_uring_sqe entry = sqe(w, IORING_OP_ACCEPT, listening.listener);
    entry.accept_flags = static_cast<std::uint32_t>(w.cloexec(SOCK_CLOEXEC));
    int accepted = run(w, ring, entry);
    listening.finish(w);
    return ring_result(w, ring, accepted);
}
inline bool act_ring_socket(Worker& w) {
    Ring ring;
    if (!ring.usable()) return ring_result(w, ring, -1);
    io_uring_sqe entry = sqe(w, kOpSocket, AF_INET);
    entry.off = SOCK_STREAM;
    return ring_result(w, ring, run(w, ring, entry));
}
inline bool act_ring_close(Worker& w) {
    Ring ring;
    if (!ring.usable()) return ring_result(w, ring, -1);
    int result = run(w, ring, sqe(w, IORING_OP_CLOSE, w.any()));
    ring_result(w, ring, -1);
    return result == 0;
}
// Into the ring's own table, and from there into the process's where the kernel can.
inline bool act_ring_fixed(Worker& w) {
    Ring ring;
    int none[2] = {-1, -1};
    if (!ring.usable() || syscall(SYS_io_uring_register, ring.fd(), IORING_REGISTER_FILES, none, 2) < 0)
        return ring_result(w, ring, -1);
    io_uring_sqe entry = sqe(w, IORING_OP_OPENAT, AT_FDCWD);
    entry.addr = reinterpret_cast<std::uint64_t>("/proc/self/status");
    entry.splice_fd_in = 1;  // file_index
    int result = run(w, ring, entry);
    // Kernels that know no file_index made a descriptor, or refused.
    if (result != 0) return ring_result(w, ring, result);
    io_uring_sqe install = sqe(w, kOpFixedFdInstall, 0);
    install.flags = IOSQE_FIXED_FILE;
    return ring_result(w, ring, run(w, ring, install));
}

}  // namespace torture
