// SPDX-License-Identifier: GPL-2.0-only
#include "support/passed_descriptor.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "support/load/load_support.h"

namespace live {
namespace {

// A message of one byte with room for one descriptor.
struct Message {
    char byte = 'x';
    iovec data = {.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr header{};

    Message() {
        header.msg_iov = &data;
        header.msg_iovlen = 1;
        header.msg_control = control;
        header.msg_controllen = sizeof control;
    }
    Message(const Message&) = delete;
    Message& operator=(const Message&) = delete;
};

}  // namespace

void send_descriptor(int over, int fd) {
    Message message;
    cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(rights), &fd, sizeof fd);
    load::check(static_cast<int>(sendmsg(over, &message.header, 0)), "sendmsg");
}

int receive_descriptor(int over) {
    Message message;
    load::check(static_cast<int>(recvmsg(over, &message.header, MSG_CMSG_CLOEXEC)), "recvmsg");
    cmsghdr* rights = CMSG_FIRSTHDR(&message.header);
    if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) load::die("no descriptor was passed");
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return fd;
}

}  // namespace live
