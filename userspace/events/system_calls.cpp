// SPDX-License-Identifier: GPL-2.0-only
// Numbers: arch/x86/entry/syscalls/syscall_64.tbl.
#include "events/system_calls.h"

#include <algorithm>
#include <utility>

namespace sockeye {

std::string_view system_call_name(std::uint32_t number) {
    static constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
        {2, "open"},           {22, "pipe"},           {32, "dup"},           {33, "dup2"},
        {41, "socket"},        {43, "accept"},         {47, "recvmsg"},       {53, "socketpair"},
        {56, "clone"},         {72, "fcntl"},          {85, "creat"},         {213, "epoll_create"},
        {240, "mq_open"},      {257, "openat"},        {282, "signalfd"},     {283, "timerfd_create"},
        {284, "eventfd"},      {288, "accept4"},       {289, "signalfd4"},    {290, "eventfd2"},
        {291, "epoll_create1"}, {292, "dup3"},         {293, "pipe2"},        {298, "perf_event_open"},
        {299, "recvmmsg"},     {304, "open_by_handle_at"}, {319, "memfd_create"}, {321, "bpf"},
        {323, "userfaultfd"},  {425, "io_uring_setup"}, {426, "io_uring_enter"}, {428, "open_tree"},
        {434, "pidfd_open"},   {435, "clone3"},        {437, "openat2"},      {438, "pidfd_getfd"}};
    const auto* const found = std::ranges::find(kNames, number, &std::pair<std::uint32_t, std::string_view>::first);
    return found != std::end(kNames) ? found->second : std::string_view();
}

}  // namespace sockeye
