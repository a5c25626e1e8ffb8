# SPDX-License-Identifier: GPL-2.0-only
"""What benchmarks and soak share: values that are checked before anything is installed, and programs that are heard.

Failed is what keeps a measurement from coming to its end; its text says which program it was and what that said.
"""
import argparse
import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
MOST = 2**32 - 1  # of the numbers that the loads take


class Failed(Exception):
    pass


def whole_number(least, most=MOST):
    """For argparse: its value as a number; else an error that names the value and what would be right."""
    def read(word):
        if not (word.isascii() and word.isdigit() and least <= int(word) <= most):
            up_to = f" to {most}" if most < MOST else ""
            raise argparse.ArgumentTypeError(f"'{word}': give a whole number from {least}{up_to}")
        return int(word)
    return read


def whole_numbers(words):
    """For argparse: numbers with commas between them, as seeds are."""
    try:
        return [whole_number(0)(word) for word in words.split(",")]
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, or several with commas between, such as 1,2,7") from None


def some_of(*known):
    """For argparse: some of these words, with commas between them."""
    def read(words):
        for word in words.split(","):
            if word not in known:
                raise argparse.ArgumentTypeError(
                    f"'{word}': give {', '.join(known[:-1])} or {known[-1]}, or several with commas between")
        return words.split(",")
    return read


class ResultFile:
    """The figures' file. It is opened before anything is measured: hours must not be lost to a folder's rights."""

    def __init__(self, parser, path):
        self.path, self.written = path, False
        self.is_new = not os.path.lexists(path)
        try:
            # What an earlier run wrote stays until there is something better.
            self.file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666), "w", encoding="ascii")
        except OSError as error:
            parser.error(f"argument --json: '{path}': cannot be written ({error.strerror}): give a file in a folder that "
                         "is there and can be written")
        atexit.register(self.leave)

    def leave(self):
        if self.is_new and not self.written:
            os.unlink(self.path)

    def write(self, figures):
        try:
            if os.path.isfile(self.path):
                self.file.truncate()
            json.dump(figures, self.file, indent=1)
            self.file.write("\n")
            self.file.close()
        except OSError as error:
            raise Failed(f"--json {self.path}: {error.strerror}") from error
        self.written = True


def prepare(*lists):
    """Installs and builds what is measured, and packages of these lists."""
    if os.geteuid() != 0:
        raise Failed("tracing needs root: run it with sudo")
    if subprocess.run([os.path.join(ROOT, "scripts", "lib", "prepare"), *lists], check=False).returncode:
        raise Failed("not everything that it needs could be installed and built")


def built_benchmark(name):
    """Builds a program of tests/bench and returns its path."""
    prepare("bench")
    for command in (["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench", "--target", name]):
        run(command, cwd=ROOT)
    return os.path.join(ROOT, "build", "bench", "tests", name)


def ended(code):
    """The words for an exit code of subprocess."""
    return f"ended with {code}" if code >= 0 else f"was ended by signal {-code}"


def said(*texts):
    """What a program has said, to stand behind a colon."""
    return "\n".join(text.strip() for text in texts if text.strip()) or "it said nothing"


def run(command, **more):
    """Runs a program to its end and returns what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise Failed(f"{' '.join(command)} {ended(done.returncode)}: {said(done.stderr, done.stdout[-4000:])}")
    return done.stdout


class Program:
    """A program that runs beside a load; however the measurement ends, it ends, too."""

    def __init__(self, name, command, stdout=subprocess.DEVNULL):
        self.name = name
        # A file: a pipe that nobody reads would stop it one day.
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=self.errors, text=True)
        self.pid = self.process.pid
        atexit.register(self.kill)

    def talk(self):
        """All that it has said on stderr until now; without moving the place at which it writes on."""
        return os.pread(self.errors.fileno(), 1 << 22, 0).decode(errors="replace")

    def kill(self):
        if self.process.returncode is None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check(self, when):
        """It still runs."""
        if self.process.poll() is not None:
            raise Failed(f"{self.name} {ended(self.process.returncode)} {when}: {said(self.talk())}")

    def wait_ready(self):
        """Until sockeye says that it observes."""
        while not any(line.startswith("sockeye: ready") for line in self.talk().splitlines()):
            self.check("before it was ready")
            time.sleep(0.01)

    def interrupt(self):
        """Ends it as its user would; returns what it used. That it failed is left to whoever reads the exit code."""
        self.process.send_signal(signal.SIGINT)
        if self.process.stdout is not None:
            self.process.stdout.read()  # it may stand before a full pipe
        _, status, usage = os.wait4(self.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return usage

    def stop(self):
        """interrupt(), of a sockeye; 130: interrupted before it had anything to say."""
        usage = self.interrupt()
        if self.process.returncode not in (0, 130):
            raise Failed(f"{self.name} {ended(self.process.returncode)}: {said(self.talk())}")
        return usage


def run_main(name, main):
    """main() as a program: its failure in one line, not as a traceback."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except Failed as failure:
        # On a terminal a round's number may stand there.
        sys.exit(("\r\033[K" if sys.stderr.isatty() else "") + f"{name}: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
