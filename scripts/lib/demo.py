# SPDX-License-Identifier: GPL-2.0-only
"""`scripts/demo`, once all is built: starts a load (demo_shop.c), lets sockeye watch it, and clears up.

The load begins when sockeye says that it is ready, so that sockeye has seen all of it. stdout is sockeye's; what is loaded
and the command line that finds it are told on stderr. `--check` runs all demos with --json and judges what they name.
"""
import signal
signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is something to clear up, Ctrl-C is no traceback

import ctypes
import json
import os
import select
import shlex
import subprocess
import sys

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)
READY_SECONDS = 30
END_SECONDS = 5


class Step:
    """One run of sockeye; several may follow each other while the load goes on."""

    def __init__(self, options, heading=None):
        self.options, self.heading = options, heading


class Demo:
    def __init__(self, about, steps):
        self.about, self.steps = about, steps


DEMOS = {
    "flood": Demo(
        ["{shop-client} opens 400 connections a second to {shop-db} at 10.99.0.1:5432, and closes",
         "each of them first. sockeye watches their network namespace for 5 s:"],
        [Step("timewait -d 5s --netns {netns}")]),
    "leak": Demo(
        ["{shop-worker} and {shop-api} each ask a service that is down, 10 times a second, and one of",
         "them forgets to close its sockets. sockeye watches both for 15 s, long enough to tell it from a warm-up:"],
        [Step("leaks -d 15s -n 'shop-*'")]),
    "ports": Demo(
        ["{shop-client} opens 40 connections a second to {shop-db} at 10.99.0.1:5432, from 300 ports, each of",
         "which stays taken for a minute. sockeye watches for 5 s before they run out, and for 5 s after that:"],
        [Step("timewait -d 5s --netns {netns}", "before"), Step("timewait -d 5s --netns {netns}", "after")]),
}


def say(text=""):
    print(text, file=sys.stderr, flush=True)


class Load:
    """The load's processes; they end with this one, whatever ends it."""

    def __init__(self, program, name):
        self.process = subprocess.Popen([program, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        words = self.process.stdout.readline().split() if readable else []
        if words[:1] != ["ready"]:
            self.end()
            sys.exit("scripts/demo: the load did not start")
        self.netns = words[1]
        self.pids = dict(zip(words[2::2], map(int, words[3::2])))

    def begin(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except OSError:
            pass  # it has ended, and said why

    def end(self):
        self.process.stdin.close()  # the load then ends its own processes
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def fill(self, text):
        names = {name: f"{name} ({pid})" for name, pid in self.pids.items()}
        return text.format(netns=self.netns, **names)


class Sockeye:
    """The running sockeye, to which signals are passed on; it has a session of its own, so that Ctrl-C comes once."""

    def __init__(self):
        self.process = None
        self.interrupted = None

    def run(self, command, on_ready, capture, quiet):
        """Returns the exit code, what was ready, and stdout if `capture`. Its stderr is passed on line by line."""
        parent = os.getpid()

        def end_with_parent():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        ready, talk, output = False, [], None
        with subprocess.Popen(command, stdout=subprocess.PIPE if capture else None, stderr=subprocess.PIPE, text=True,
                              errors="replace", start_new_session=True, preexec_fn=end_with_parent) as self.process:
            try:
                if self.interrupted is not None:
                    self.process.send_signal(self.interrupted)
                for line in self.process.stderr:
                    talk.append(line)
                    if line.startswith("sockeye: ready"):
                        ready = True
                        on_ready()
                    if not quiet:
                        sys.stderr.write(line)
                        sys.stderr.flush()
                if capture:
                    output = self.process.stdout.read()
            except BaseException:
                self.process.kill()
                raise
        if quiet and not ready:
            sys.stderr.write("".join(talk))
        return self.process.returncode, ready, output

    def pass_on(self, number, _frame):
        self.interrupted = number
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(number)


def exit_code_of(returncode):
    return 128 - returncode if returncode < 0 else returncode


def show(name, paths, options, sockeye):
    """Returns the exit code: sockeye's own, the greatest of several."""
    demo = DEMOS[name]
    load = Load(paths.shop, name)
    worst = 0
    try:
        for line in demo.about:
            say(load.fill(line))
        for step in demo.steps:
            words = shlex.split(load.fill(step.options)) + options
            say()
            say((f"{step.heading}:" if step.heading else "").ljust(8) + f"{paths.shown} {shlex.join(words)}")
            say()
            code, ready, _ = sockeye.run([paths.sockeye] + words, load.begin, capture=False, quiet=False)
            worst = max(worst, exit_code_of(code))
            if not ready or sockeye.interrupted is not None:
                break
    finally:
        load.end()
    return worst


def about(value, expected):
    return value is not None and abs(value - expected) <= 0.15 * expected


def wrong_in_flood(steps, pids):
    evidence = evidence_of(steps[0], "time_wait_flood", pids)
    if evidence is None:
        return "not one finding time_wait_flood"
    if (evidence["pid"], evidence["comm"]) != (pids["shop-client"], "shop-client"):
        return f"named {evidence['comm']} ({evidence['pid']})"
    if evidence["side"] != "client" or not about(evidence["rate_per_s"], 400):
        return f"side {evidence['side']}, {evidence['rate_per_s']} a second instead of client, 400"
    if not about(evidence["projected"], 24000):
        return f"projected {evidence['projected']} instead of 24000"
    return None


def wrong_in_leak(steps, pids):
    evidence = evidence_of(steps[0], "fd_leak", pids)
    if evidence is None:
        return "not one finding fd_leak"
    if (evidence["pid"], evidence["comm"]) != (pids["shop-worker"], "shop-worker"):
        return f"named {evidence['comm']} ({evidence['pid']})"
    if evidence["kind"] != "socket" or not about(evidence["slope_per_s"], 10):
        return f"{evidence['slope_per_s']} of kind {evidence['kind']} a second instead of 10 sockets"
    if not about(evidence["emfile_in_s"], (evidence["soft_limit"] - evidence["open"]) / 10):
        return f"emfile_in_s {evidence['emfile_in_s']} with {evidence['open']} of {evidence['soft_limit']} open"
    if "ask_stock" not in str(evidence.get("caller")):
        return f"opened by {evidence.get('caller')} instead of ask_stock"
    if any(finding["evidence"].get("pid") == pids["shop-api"] for finding in steps[0]["findings"]):
        return "the healthy shop-api is accused"
    return None


def wrong_in_ports(steps, pids):
    before, after = (evidence_of(step, "port_exhaustion", pids) for step in steps)
    if before is None or after is None:
        return "not one finding port_exhaustion " + ("before" if before is None else "after")
    if before["exhausted_in_s"] is None or not about(before["exhausted_in_s"], (300 - before["in_use"]) / 40):
        return f"exhausted_in_s {before['exhausted_in_s']} with {before['in_use']} of 300 in use"
    if before["failed"] != 0 or after["failed"] == 0 or after["in_use"] != 300:
        return f"{before['failed']} failed before, {after['failed']} after, {after['in_use']} of 300 in use"
    if (after["pid"], after["comm"]) != (pids["shop-client"], "shop-client"):
        return f"named {after['comm']} ({after['pid']})"
    return None


def evidence_of(verdict, rule, pids):
    """That of the one finding of this rule; another demo's processes, which may run beside, are none of ours."""
    found = [finding["evidence"] for finding in verdict["findings"] if finding["rule"] == rule]
    ours = [evidence for evidence in found if evidence.get("pid") in (None, *pids.values())]
    return ours[0] if len(ours) == 1 else None


JUDGES = {"flood": wrong_in_flood, "leak": wrong_in_leak, "ports": wrong_in_ports}


def wrong_in(name, paths, sockeye):
    """What is wrong with a demo, or None."""
    load = Load(paths.shop, name)
    verdicts = []
    try:
        for step in DEMOS[name].steps:
            words = shlex.split(load.fill(step.options)) + ["--json"]
            code, _, output = sockeye.run([paths.sockeye] + words, load.begin, capture=True, quiet=True)
            if code != 0 or sockeye.interrupted is not None:
                return f"exit code {exit_code_of(code)}"
            verdicts.append(json.loads(output))
        return JUDGES[name](verdicts, load.pids)
    except (ValueError, KeyError, TypeError) as error:
        return f"unreadable: {error!r}"
    finally:
        load.end()


def check(paths, sockeye):
    failed = 0
    for name in DEMOS:
        wrong = wrong_in(name, paths, sockeye)
        if sockeye.interrupted is not None:
            return 130
        failed += wrong is not None
        print(f"{name}: {'passed' if wrong is None else 'FAILED: ' + wrong}", flush=True)
    print(f"{len(DEMOS) - failed} passed, {failed} failed")
    return 1 if failed else 0


class Paths:
    def __init__(self, sockeye, shown, shop):
        self.sockeye, self.shown, self.shop = sockeye, shown, shop


def main():
    paths = Paths(*sys.argv[1:4])
    sockeye = Sockeye()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, sockeye.pass_on)
    word, options = sys.argv[4], sys.argv[5:]
    return check(paths, sockeye) if word == "--check" else show(word, paths, options, sockeye)


if __name__ == "__main__":
    sys.exit(main())
