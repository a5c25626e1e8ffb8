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
            sys.exit(f"bench: {' '.join(self.command)} ended with {self.process.wait()}")
        self.told = json.loads(line)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if self.process.wait():
            sys.exit(f"bench: {self.command[0]} ended with {self.process.returncode}")


def connections(sockets):
    """Arguments of hold for so many sockets, over as many processes as the limit on descriptors asks for."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return ["--connections", sockets // 2, "--processes", max(1, -(-sockets // (limit - SPARE_DESCRIPTORS)))]


def spread(values, digits=2):
    values = sorted(values)
    return f"{values[0]:.{digits}f} / {statistics.median(values):.{digits}f} / {values[-1]:.{digits}f}"


def measured(command):
    """One run: wall_s, cpu_s, rss_bytes. lsof ends with 1 when anything asked for was not there."""
    done = subprocess.run([os.path.join(LOADS, "measure")] + command, capture_output=True, text=True, check=True)
    result = json.loads(done.stdout)
    if result["exit_code"] not in ((0, 1) if command[0] == "lsof" else (0,)):
        sys.exit(f"bench: {' '.join(command)} ended with {result['exit_code']}")
    return result


def compare(title, tools, rounds):
    """tools: (name, command, at most so many rounds)."""
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
    done = subprocess.run([SOCKEYE, "snapshot", "--json", "--sockets"], capture_output=True, check=True)
    snapshot = json.loads(done.stdout)
    ss = subprocess.run(["ss", "-tanH"], capture_output=True, text=True, check=True).stdout
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
        sys.exit("bench: not exact:\n" + "\n".join(wrong[:5]))
    print(f"exact: {right} sockets each with its owner and descriptor as /proc/PID/fd has them, "
          f"{len(counts)} processes; states as ss: {dict(states)}", flush=True)


def watch(seconds, resyncs):
    """top over what stands: CPU of each tick, memory at the end, and how long each resync took."""
    top = subprocess.Popen([SOCKEYE, "top", "--batch", "--json", "-i", "1s"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    frames, took = [], []
    while len(frames) < seconds + 1:
        frames.append(json.loads(top.stdout.readline())["self"])
    for _ in range(resyncs):
        top.send_signal(signal.SIGUSR1)
        for line in top.stderr:
            if "resynchronised" in line:
                took.append(float(re.search(r"in ([0-9.]+) ms", line).group(1)))
                break
        for _ in range(2):
            top.stdout.readline()
    top.send_signal(signal.SIGINT)
    top.communicate()
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
    parser.add_argument("--sockets", type=int, default=200000, metavar="N", help="TCP sockets to hold (default 200000)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="rounds (default 5)")
    parser.add_argument("--slow-runs", type=int, default=3, metavar="N",
                        help="rounds of ss -tanp and lsof, which take half a minute each (default 3)")
    parser.add_argument("--time-wait", type=int, default=100000, metavar="N",
                        help="TIME_WAIT sockets beside, in a part of its own, since they live a minute (default 100000)")
    parser.add_argument("--seconds", type=int, default=20, metavar="N",
                        help="how long top is watched over each standing table (default 20)")
    parser.add_argument("--parts", default="held,sockets,descriptors,time-wait", metavar="LIST",
                        help="which parts to run (default held,sockets,descriptors,time-wait)")
    arguments = parser.parse_args(words)
    parts = arguments.parts.split(",")
    if arguments.sockets < 2000 or arguments.runs < 1:
        parser.error("--sockets from 2000, --runs from 1")
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
