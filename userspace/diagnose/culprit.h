// SPDX-License-Identifier: GPL-2.0-only
// Which frame of a way into the kernel is the one to look at: the innermost that is the program's own and not
// the C library's wrapper of a system call, or the C++ library's around that, or Go's; of a script whose runtime names
// what it has compiled, the innermost function of the script.
#pragma once

#include <string>

#include "aggregate/snapshot.h"

namespace sockeye {

// Null: every frame belongs to these libraries, or there is none.
const FrameRow* culprit_of(const WayRow& way);

// All frames, innermost first: "socket < connect_once (client.cpp:42) < main …".
std::string stack_text(const WayRow& way);

// "accept_loop (server.c:42)", "main", "libfoo.so+0x1234 [build-id 8c01…]", "JS:^load app.js:3:19": as much as is known.
std::string frame_text(const FrameRow& frame);

}  // namespace sockeye
