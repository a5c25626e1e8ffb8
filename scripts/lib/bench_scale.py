# SPDX-License-Identifier: GPL-2.0-only
"""scripts/bench scale: what a large table that stands still costs, and whether it is told right.

The load `hold` opens the connections and descriptors. Each round runs every tool once, in turn; before the first
one what sockeye says is compared with ss and with every link of the holders' /proc/PID/fd.
"""
import argparse
import collections
import json
import os
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import time

from lib import bench_tools
from lib.bench_tools import Failed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, "build", "release")
SOCKEYE = os.path.join(BUILD, "sockeye")
LOADS = os.path.join(BUILD, "tests")
SPARE_DESCRIPTORS = 100  # of each holder: its listeners, pipes, standard input and output
SS_STATES = {"ESTAB": "ESTABLISHED", "TIME-WAIT": "TIME_WAIT", "LISTEN": "LISTEN"}


class Standing:
    """A load that stands: hold with these arguments, until the end of the with block."""

    def __init__(self, *arguments):
        self.command = [os.path.join(LOADS, "hold")] + [str(word) for word in arguments]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"{' '.join(self.command)} {bench_tools.ended(self.process.wait())}")
        self.told = json.loads(line)
        return self

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        if self.process.wait() and kind is None:
            raise Failed(f"{self.command[0]} {bench_tools.ended(self.process.returncode)}")


def connections(sockets):
    """Arguments of hold for so many sockets, over as many processes as the limit on descriptors asks for."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return ["--connections", sockets // 2, "--processes", max(1, -(-sockets // (limit - SPARE_DESCRIPTORS)))]


def spread(values, digits=2):
    values = sorted(values)
    return f"{values[0]:.{digits}f} / {statistics.median(values):.{digits}f} / {values[-1]:.{digits}f}"


def measured(command):
    """One run: wall_s, cpu_s, rss_bytes. lsof ends with 1 when anything asked for was not there."""
    result = json.loads(bench_tools.run([os.path.join(LOADS, "measure")] + command))
    if result["exit_code"] not in ((0, 1) if command[0] == "lsof" else (0,)):
        # `measure` throws away what it says: once more, to hear it.
        again = bench_tools.run(command)
        raise Failed(f"{' '.join(command)} ended with {result['exit_code']}, and when run again with 0: {again[-400:]}")
    return result


def compare(title, tools, rounds):
    """tools: (name, command, at most so many rounds; 0 leaves it out)."""
    tools = [tool for tool in tools if tool[2] > 0]
    runs = collections.defaultdict(list)
    for number in range(rounds):
        for name, command, most in tools:
            if number < most:
                runs[name].append(measured(command))
                print(f"  round {number + 1}: {name}: {runs[name][-1]['wall_s']} s", file=sys.stderr)
    print(f"\n{title}\n  {'':34} {'wall, s':>22} {'CPU, s':>22} {'peak memory, MB':>22}  rounds")
    for name, _, _ in tools:
        of = {key: [run[key] for run in runs[name]] for key in ("wall_s", "cpu_s", "rss_bytes")}
        print(f"  {name:34} {spread(of['wall_s']):>22} {spread(of['cpu_s']):>22} "
              f"{spread([size / 1e6 for size in of['rss_bytes']], 1):>22}  {len(runs[name])}", flush=True)


def sockets_of(pid):
    """inode → descriptor, and how many descriptors there are at all."""
    folder = f"/proc/{pid}/fd"
    names = os.listdir(folder)
    links = ((int(name), os.readlink(f"{folder}/{name}")) for name in names)
    return {int(link[8:-1]): fd for fd, link in links if link.startswith("socket:[")}, len(names)


def check_exact(standing):
    """sockeye's snapshot against ss and /proc, while nothing changes."""
    snapshot = json.loads(bench_tools.run([SOCKEYE, "snapshot", "--json", "--sockets"]))
    ss = bench_tools.run(["ss", "-tanH"])
    states = collections.Counter(SS_STATES.get(line.split(None, 1)[0], line.split(None, 1)[0])
                                 for line in ss.splitlines())
    ours = snapshot["tcp"]["by_netns"][str(os.stat("/proc/self/ns/net").st_ino)]
    owner, wrong = {}, []
    counts = {row["pid"]: row["fds"]["open"] for row in snapshot["processes"]}
    for pid in standing.told["pids"]:
        sockets, descriptors = sockets_of(pid)
        owner.update({inode: (pid, fd) for inode, fd in sockets.items()})
        if counts.get(pid) != descriptors:
            wrong.append(f"pid {pid}: {descriptors} descriptors, sockeye says {counts.get(pid)}")
    right = 0
    for row in snapshot["sockets"]:
        pid, fd = owner.get(row["inode"], (None, None))
        if pid is None:
            continue
        if row["pid"] == pid and [(h["pid"], h["fds"]) for h in row["holders"] or []] == [(pid, [fd])]:
            right += 1
        else:
            wrong.append(json.dumps(row))
    if right + len(wrong) < len(owner):
        wrong.append(f"{len(owner) - right} of {len(owner)} sockets are missing or wrong")
    if {state: count for state, count in ours.items() if state in SS_STATES.values()} != \
            {state: count for state, count in states.items() if state in SS_STATES.values()}:
        wrong.append(f"states: ss {dict(states)}, sockeye {ours}")
    if wrong:
        raise Failed("not exact:\n" + "\n".join(wrong[:5]))
    print(f"exact: {right} sockets each with its owner and descriptor as /proc/PID/fd has them, "
          f"{len(counts)} processes; states as ss: {dict(states)}", flush=True)


def watch(seconds, resyncs):
    """top over what stands: CPU of each tick, memory at the end, and how long each resync took."""
    top = bench_tools.Program("sockeye top", [SOCKEYE, "top", "--batch", "--json", "-i", "1s"], stdout=subprocess.PIPE)
    frames, took = [], []

    def next_frame():
        line = top.process.stdout.readline()
        if not line:
            top.process.wait()
            top.check("while it was watched")
        return line

    while len(frames) < seconds + 1:
        frames.append(json.loads(next_frame())["self"])
    for number in range(resyncs):
        top.process.send_signal(signal.SIGUSR1)
        while len(took) == number:
            took = [float(word) for word in re.findall(r"resynchronised .* in ([0-9.]+) ms", top.talk())]
            top.check("while it resynchronised")
            time.sleep(0.01)
        for _ in range(2):
            next_frame()
    top.stop()
    cpu = [frame["cpu_s"] for frame in frames]
    ticks = [1e3 * (after - before) for before, after in zip(cpu[1:], cpu[2:])]
    return ticks, frames[-1]["rss_bytes"], took


def scaling(title, unit, loads, seconds, rounds):
    """loads: (label, count, hold's arguments). The first is the empty host: what memory is measured against."""
    print(f"\n{title}\n  {unit:>12} {'snapshot CPU, ms':>24} {'a tick of top, CPU ms':>24} {'mean':>6} "
          f"{'resync, ms':>24} {'top, MB':>8}  bytes each")
    empty = 0
    for label, count, arguments in loads:
        with Standing(*arguments):
            snapshots = [measured([SOCKEYE, "snapshot"])["cpu_s"] * 1e3 for _ in range(rounds)]
            ticks, memory, took = watch(seconds, rounds)
        empty = empty or memory
        each = f"{(memory - empty) / count:.0f}" if count else ""
        print(f"  {label:>12} {spread(snapshots, 0):>24} {spread(ticks, 0):>24} {statistics.mean(ticks):6.1f} "
              f"{spread(took, 0):>24} {memory / 1e6:8.1f}  {each}", flush=True)


def enter_own_netns():
    """Starts this program again in a network namespace of its own, where nobody else's connections come and go."""
    if os.environ.get("SOCKEYE_BENCH_NETNS") != str(os.getppid()):
        os.environ["SOCKEYE_BENCH_NETNS"] = str(os.getpid())
        sys.exit(subprocess.run(["unshare", "--net", sys.executable] + sys.argv, check=False).returncode)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # Else loopback connects take the ends of a TIME_WAIT after a second, and there are fewer than were made.
    with open("/proc/sys/net/ipv4/tcp_tw_reuse", "w", encoding="ascii") as setting:
        setting.write("0")


def main(words):
    parser = argparse.ArgumentParser(prog="scripts/bench scale", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=bench_tools.whole_number(2000), default=200000, metavar="N",
                        help="TCP sockets to hold (default 200000)")
    parser.add_argument("--runs", type=bench_tools.whole_number(1), default=5, metavar="N", help="rounds (default 5)")
    parser.add_argument("--slow-runs", type=bench_tools.whole_number(0), default=3, metavar="N",
                        help="rounds of ss -tanp and lsof, which take half a minute each (default 3; 0: leave them out)")
    parser.add_argument("--time-wait", type=bench_tools.whole_number(0), default=100000, metavar="N",
                        help="TIME_WAIT sockets beside, in a part of its own, since they live a minute (default 100000)")
    parser.add_argument("--seconds", type=bench_tools.whole_number(2), default=20, metavar="N",
                        help="how long top is watched over each standing table (default 20)")
    parser.add_argument("--parts", type=bench_tools.some_of("held", "sockets", "descriptors", "time-wait"),
                        default="held,sockets,descriptors,time-wait", metavar="PART[,PART]", help="which parts to run (default held,sockets,descriptors,time-wait)")
    arguments = parser.parse_args(words)
    parts = arguments.parts
    bench_tools.prepare("test", "bench")
    enter_own_netns()
    print(f"{os.uname().release}, {os.cpu_count()} CPUs; min / median / max")
    fast = [("sockeye snapshot", [SOCKEYE, "snapshot"], arguments.runs),
            ("sockeye snapshot --sockets", [SOCKEYE, "snapshot", "--sockets"], arguments.runs),
            ("sockeye snapshot --json --sockets", [SOCKEYE, "snapshot", "--json", "--sockets"], arguments.runs),
            ("ss -tan", ["ss", "-tan"], arguments.runs),
            ("readlink of /proc/*/fd/* in C++", [os.path.join(LOADS, "read_fds")], arguments.runs)]
    slow = [(" ".join(command), command, arguments.slow_runs)
            for command in (["ss", "-tanp"], ["lsof", "-nP", "-iTCP"]) if shutil.which(command[0])]
    if "held" in parts:
        with Standing(*connections(arguments.sockets)) as standing:
            print(f"{standing.told['sockets']} TCP sockets in {len(standing.told['pids'])} processes stood after "
                  f"{standing.told['seconds']:.1f} s")
            check_exact(standing)
            compare(f"{arguments.sockets} TCP sockets held", fast + slow, arguments.runs)
    if "sockets" in parts:
        sizes = [0] + [size for size in (20000, 50000, 100000, 200000) if size <= arguments.sockets]
        scaling("TCP sockets held: top's memory is what it needs beyond the first line", "sockets",
                [(str(size), size, connections(size)) for size in sizes], arguments.seconds, arguments.runs)
    if "descriptors" in parts:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_DESCRIPTORS
        sizes = [size for size in (0, 1000, 10000, 20000, 200000) if size <= limit + SPARE_DESCRIPTORS]
        scaling("descriptors in each of 10 processes", "descriptors",
                [(str(size), 10 * size, ["--processes", 10, "--descriptors", min(size, limit)]) for size in sizes],
                arguments.seconds, arguments.runs)
    if "time-wait" in parts:  # the last: what it leaves lives for a minute
        with Standing(*connections(arguments.sockets), "--time-wait", arguments.time_wait) as standing:
            check_exact(standing)
            compare(f"{arguments.sockets} TCP sockets held and {arguments.time_wait} TIME_WAIT", fast[:4],
                    min(arguments.runs, 5))
