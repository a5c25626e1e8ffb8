# SPDX-License-Identifier: GPL-2.0-only
"""A terminal for benchmarks: a program on a pseudo-terminal, what stands on its screen, and keys for it.

It knows what terminfo says of xterm-256color and what the full screen uses of that: cursor, attributes, clearing.
"""
import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

from lib.bench_tools import Failed, ended, said

SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b\(.|\x1b[=>]|[\r\n\x18]|[^\x1b\r\n\x18]+")
UNFINISHED = re.compile(r"\x1b(\[[0-9;?]*|\()?$")


class Grid:
    """Characters and attributes, as the terminal would show them."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.pending = ""
        self.style = ""
        self.clear()

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.rows)]
        self.styles = [[""] * self.columns for _ in range(self.rows)]
        self.row = self.column = 0

    def take(self, text):
        text = self.pending + text
        cut = UNFINISHED.search(text)
        self.pending = cut.group() if cut else ""
        for found in SEQUENCE.finditer(text, 0, len(text) - len(self.pending)):
            if found.group(2):
                self.control(found.group(1), found.group(2))
            elif found.group() >= " ":
                self.put(found.group())

    def control(self, parameters, final):
        if final == "H":
            numbers = [int(word or 1) for word in parameters.split(";")] + [1]
            self.row, self.column = numbers[0] - 1, numbers[1] - 1
        elif final == "m":
            self.style = "" if parameters in ("", "0") else self.style + ";" + parameters
        elif final == "J":
            self.clear()

    def put(self, text):
        room = text[:self.columns - self.column]
        self.cells[self.row][self.column:self.column + len(room)] = room
        self.styles[self.row][self.column:self.column + len(room)] = [self.style] * len(room)
        self.column += len(text)

    def line(self, row):
        return "".join(self.cells[row])

    def text(self):
        return "\n".join(self.line(row) for row in range(self.rows))


class Terminal:
    """A program whose standard input and output are a terminal of its own; stderr is a pipe. A with block ends it."""

    def __init__(self, command, rows, columns, environment):
        self.command, self.environment = command, environment
        self.grid = Grid(rows, columns)
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end within a character

    def __enter__(self):
        self.master, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", self.grid.rows, self.grid.columns, 0, 0))
        environment = dict(os.environ, TERM="xterm-256color", LC_ALL="C.UTF-8", **self.environment)
        environment.pop("NO_COLOR", None)
        self.started = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=terminal, stdout=terminal, stderr=subprocess.PIPE, text=True,
                                        env=environment, start_new_session=True)
        os.close(terminal)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()
        os.close(self.master)

    def read(self, timeout):
        """Takes what has come within so many seconds; returns when it came, or None."""
        if not select.select([self.master], [], [], max(timeout, 0))[0]:
            return None
        try:
            got = os.read(self.master, 1 << 16)
        except OSError:  # EIO: the program has ended
            got = b""
        came = time.monotonic()
        if not got:
            told = self.process.communicate(timeout=10)[1]
            raise Failed(f"{' '.join(self.command)} has left its terminal and {ended(self.process.returncode)}: {said(told)}")
        self.grid.take(self.decoder.decode(got))
        return came

    def run(self, seconds):
        """Reads all that comes for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.read(left)

    def wait_for(self, shows, timeout):
        """Reads until shows(grid); returns when the bytes came that brought it, or None."""
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            came = self.read(left)
            if came is not None and shows(self.grid):
                return came
        return None

    def press(self, key):
        os.write(self.master, key.encode())
        return time.monotonic()

    def end(self):
        """Ends the program as its user would; returns what it says on stderr."""
        self.press("q")
        told = None
        os.set_blocking(self.master, False)
        while told is None:
            try:
                told = self.process.communicate(timeout=0.05)[1]
            except subprocess.TimeoutExpired:
                try:
                    os.read(self.master, 1 << 16)
                except OSError:
                    pass
        if self.process.returncode:
            raise Failed(f"{' '.join(self.command)} {ended(self.process.returncode)}: {said(told)}")
        return told
