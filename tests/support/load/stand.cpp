// SPDX-License-Identifier: GPL-2.0-only
// stand: what live tests exec. It says so on standard output, holds every descriptor that it inherited,
// and ends at the end of standard input.
#include "support/load/load_support.h"

int main() {
    const char line[] = "standing\n";
    if (write(STDOUT_FILENO, line, sizeof line - 1) < 0) load::die("write");
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return 0;
}
