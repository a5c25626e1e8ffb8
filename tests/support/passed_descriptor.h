// SPDX-License-Identifier: GPL-2.0-only
// One descriptor sent over a unix socket by SCM_RIGHTS, and received with close-on-exec. They run in a Child, so a
// failed call ends the child with its reason on stderr.
#pragma once

namespace live {

void send_descriptor(int over, int fd);
// The receiver's own number for it.
int receive_descriptor(int over);

}  // namespace live
