# SPDX-License-Identifier: GPL-2.0-only
"""`scripts/bench screen`: what the full screen costs, and how soon it answers.

200,000 sockets stand while connections come and go as fast as they can, alone, under `top --batch`, under the full
screen, and under one whose keys are pressed. Then the user's task: top is started on a small terminal under a flood of
TIME_WAIT, and under a leak, and the time is taken until whoever does it stands on the screen.
"""
import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

from lib import bench_tools
from lib.bench_tools import Failed
from lib.bench_scale import LOADS, SOCKEYE, SPARE_DESCRIPTORS, Standing, connections, enter_own_netns, spread
from lib.terminal import Terminal

TOP = [SOCKEYE, "top"]
CHURN = os.path.join(LOADS, "connection_churn")
LEAKS_PER_S = 150
LEAK_LIMIT = 4096
LEAK = f"""
import os, resource, time
resource.setrlimit(resource.RLIMIT_NOFILE, ({LEAK_LIMIT}, {LEAK_LIMIT}))
begin = time.monotonic()
for made in range({LEAK_LIMIT - SPARE_DESCRIPTORS}):
    os.dup(0)
    time.sleep(max(0, begin + made / {LEAKS_PER_S} - time.monotonic()))
"""
VARIANTS = ["alone", "top --batch", "full screen", "full screen, keys pressed"]
KEY_PAUSE_S = (0.25, 0.35)


def used_cpu(pid):
    """CPU seconds of a process, and its memory in MB."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return ((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
            int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6)


def waited_for_cpu(pid):
    """Seconds for which a process was ready to run and others ran."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[1]) / 1e9


def machine_busy(seconds):
    """How many cores were busy."""
    def busy():
        with open("/proc/stat", encoding="ascii") as stat:
            fields = [int(word) for word in stat.readline().split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")
    before = busy()
    time.sleep(seconds)
    return (busy() - before) / seconds


def lost_events(summary):
    """What the summary says of them; "0": none."""
    return re.search(r"done: .*lost: ([^;]*);", summary).group(1)


def heading(grid):
    """The titles of the table: the line below the tabs, or below that where lines stand above the table."""
    tabs = next(row for row in range(grid.rows) if re.match(r"1proc", grid.line(row)))
    return next((grid.line(row) for row in range(tabs + 1, grid.rows) if re.search("[▲▼]", grid.line(row))), "")


def selected(grid):
    """The line of the row under the cursor: it looks as the tab in use does."""
    tabs = next(row for row in range(grid.rows) if re.match(r"1proc", grid.line(row)))
    styles = [style for style in grid.styles[tabs] if style]
    chosen = max(set(styles), key=lambda style: ("7" in style.split(";"), -styles.count(style)))
    return next((row for row in range(tabs + 1, grid.rows) if grid.styles[row][0] == chosen), None)


def sorted_by(grid):
    found = re.search(r"\S+[▲▼]", heading(grid))
    return found and (found.group(), found.start())


def text(words):
    """The key brings this text to the screen."""
    return lambda before: lambda grid: words in grid.text()


def no_text(words):
    return lambda before: lambda grid: words not in grid.text()


def changes(what):
    """The key changes what(grid)."""
    def make(before):
        old = what(before)
        return lambda grid: what(grid) not in (old, None)
    return make


# What is pressed, and how one sees that the screen has answered. Rows of the connections panel: all sockets.
WALK = [
    ("destinations", "2", text("OUT IN")), ("connections", "3", text("RECV-Q")),
    ("connections: page down", "\x1b[6~", changes(selected)), ("connections: up", "k", changes(selected)),
    ("connections: last", "G", changes(selected)), ("connections: first", "g", changes(selected)),
    ("connections: sort by protocol", ">", changes(sorted_by)), ("connections: sort by state", ">", changes(sorted_by)),
    ("connections: sort by age", ">", changes(sorted_by)), ("connections: sort by local address", ">", changes(sorted_by)),
    ("connections: reverse", "I", changes(sorted_by)), ("connections: sort by remote address", ">", changes(sorted_by)),
    ("connections: sort by pid", ">", changes(sorted_by)), ("connections: sort by comm", ">", changes(sorted_by)),
    ("connections: search", "/", text("Search: _")), ("connections: search z", "z", text("Search: z_")),
    ("connections: search zq", "q", text("Search: zq_")), ("connections: search on", "\r", no_text("Search:")),
    ("listeners", "4", text("OVERFLOWS")), ("makers", "5", text("CLOSES FIRST")), ("leaks", "6", text("OPENED BY")),
    ("findings", "7", text("SEVERITY")), ("events", "8", text("TIME(UTC)")), ("kernel", "9", text("OBSERVES")),
    ("processes", "1", text("FDS/S")), ("processes: sort", ">", changes(sorted_by)),
    ("processes: sort back", "<", changes(sorted_by)), ("processes: reverse", "I", changes(sorted_by)),
    ("processes: reverse again", "I", changes(sorted_by)), ("processes: open", "\r", text("only pid")),
    ("processes: back (Esc)", "\x1b", no_text("only pid")), ("help", "?", text("what keys do")),
    ("help: away", "?", no_text("what keys do")), ("pause", " ", text("PAUSED")), ("go on", " ", no_text("PAUSED")),
]


def press_keys(terminal, load, dice):
    """Walks through the keys while the load runs: (what, seconds until the screen answered, of which without a CPU)."""
    took = []
    for what, key, expectation in WALK:
        terminal.run(dice.uniform(*KEY_PAUSE_S))
        if load.poll() is not None:
            break
        shows = expectation(terminal.grid)
        if shows(terminal.grid):
            raise Failed(f"before '{what}' the screen shows its answer already:\n{terminal.grid.text()}")
        waited = waited_for_cpu(terminal.process.pid)
        pressed = terminal.press(key)
        answered = terminal.wait_for(shows, 5)
        if answered is None:
            raise Failed(f"'{what}' is not answered:\n{terminal.grid.text()}")
        took.append((what, answered - pressed, waited_for_cpu(terminal.process.pid) - waited))
    return took


class Result:
    """Of one variant, over all rounds."""

    def __init__(self):
        self.per_s, self.ratio, self.cpu, self.memory, self.lost = [], [], [], [], []


def start_load(count):
    return subprocess.Popen([CHURN, "--connections", str(count), "--workers", "2", "--close", "mix"],
                            stdout=subprocess.PIPE, text=True)


def load_rate(load):
    told = load.communicate()[0]
    if load.returncode:
        raise Failed(f"connection_churn ended with {load.returncode}")
    return json.loads(told)["per_s"]


def run_watched(result, pid, count, meanwhile):
    """The load once, with what the process took meanwhile; returns connections a second."""
    cpu, _ = used_cpu(pid)
    begin = time.monotonic()
    load = start_load(count)
    meanwhile(load)
    after, memory = used_cpu(pid)
    result.cpu.append(100 * (after - cpu) / (time.monotonic() - begin))
    result.memory.append(memory)
    return load_rate(load)


def under_batch(result, count):
    top = bench_tools.Program("sockeye top --batch", TOP + ["--batch"])
    top.wait_ready()
    time.sleep(2)
    rate = run_watched(result, top.pid, count, lambda load: os.waitid(os.P_PID, load.pid, os.WEXITED | os.WNOWAIT))
    top.check("while the load ran")
    top.stop()
    result.lost.append(lost_events(top.talk()))
    return rate


def under_screen(result, count, use):
    """use(terminal, load): what the user does meanwhile."""
    with tempfile.TemporaryDirectory() as settings, \
            Terminal(TOP, 50, 160, {"XDG_CONFIG_HOME": settings}) as terminal:
        if terminal.wait_for(lambda grid: "1processes" in grid.text(), 60) is None:
            raise Failed("no screen within a minute")
        terminal.run(2)

        def meanwhile(load):
            use(terminal, load)
            while load.poll() is None:
                terminal.run(0.02)
        rate = run_watched(result, terminal.process.pid, count, meanwhile)
        header = re.sub(r"\s+", " ", terminal.grid.text())
        result.lost.append(lost_events(terminal.end()))
    return rate, header


def cost(sockets, count, rounds):
    results = {name: Result() for name in VARIANTS}
    keys = []
    dice = random.Random(1)
    with Standing(*connections(sockets)) as standing:
        print(f"\n{standing.told['sockets']} TCP sockets in {len(standing.told['pids'])} processes stand; "
              f"{count} connections come and go; a screen of 160 columns and 50 rows", flush=True)
        load_rate(start_load(count))  # warm-up: fills TIME_WAIT; not counted
        for number in range(rounds):
            rates = {}
            for name in VARIANTS[number % len(VARIANTS):] + VARIANTS[:number % len(VARIANTS)]:
                if name == "alone":
                    rates[name] = load_rate(start_load(count))
                elif name == "top --batch":
                    rates[name] = under_batch(results[name], count)
                elif name == "full screen":
                    rates[name], _ = under_screen(results[name], count, lambda terminal, load: None)
                else:
                    rates[name], header = under_screen(
                        results[name], count, lambda terminal, load: keys.extend(press_keys(terminal, load, dice)))
                results[name].per_s.append(rates[name])
                print(f"  round {number + 1} of {rounds}: {name}: {rates[name]:.0f}/s", file=sys.stderr, flush=True)
            for name, rate in rates.items():
                results[name].ratio.append(rate / rates["alone"])
    print_cost(results)
    print(f"  on the last screen: {re.search('ESTABLISHED [0-9,]+', header).group()}, "
          f"{re.search('TIME_WAIT [0-9,]+', header).group()}")
    print_keys(keys)


def print_cost(results):
    print(f"  {'':26} {'connections/s':>24} {'of those alone':>20} {'CPU, % of a core':>20} {'memory, MB':>20}"
          "  lost events")
    for name, result in results.items():
        print(f"  {name:26} {spread(result.per_s, 0):>24} {spread(result.ratio):>20} "
              f"{spread(result.cpu, 1) if result.cpu else '':>20} "
              f"{spread(result.memory, 0) if result.memory else '':>20}  "
              f"{', '.join(result.lost) if set(result.lost) - {'0'} else '0' if result.lost else ''}")
    for name in VARIANTS[2:]:
        own = [screen - batch for screen, batch in zip(results[name].cpu, results["top --batch"].cpu)]
        print(f"  {name}, beyond top --batch of the same round: {spread(own, 1)} % of a core")
    sys.stdout.flush()


def print_keys(keys):
    if not keys:
        print("  the load was over before a key could be pressed: give more --connections", flush=True)
        return
    slow = [(took, waited) for _, took, waited in keys if took > 0.1]
    print(f"  {len(keys)} keys, ms until the screen had answered: {spread([1e3 * took for _, took, _ in keys], 0)}; "
          f"{len(slow)} took longer than 100 ms")
    print(f"  the same without the time for which sockeye got no CPU: "
          f"{spread([1e3 * max(took - waited, 0) for _, took, waited in keys], 0)}")
    of_each = {}
    for what, took, _ in keys:
        of_each.setdefault(what, []).append(1e3 * took)
    for what, took in sorted(of_each.items(), key=lambda entry: -max(entry[1]))[:6]:
        print(f"    {what:36} {spread(took, 0)}")
    sys.stdout.flush()


def time_to_see(named, found):
    """Starts top on a small terminal: seconds until the culprit's name is on the screen, and until the finding is."""
    with tempfile.TemporaryDirectory() as settings, Terminal(TOP, 24, 80, {"XDG_CONFIG_HOME": settings}) as terminal:
        seen = terminal.wait_for(lambda grid: re.search(named, grid.text()), 30)
        told = seen if re.search(found, terminal.grid.text()) else \
            terminal.wait_for(lambda grid: re.search(found, grid.text()), 30)
        if seen is None or told is None:
            raise Failed(f"not on the screen within 30 s: {named if seen is None else found}\n{terminal.grid.text()}")
        return seen - terminal.started, told - terminal.started


def tasks(rounds):
    print("\nseconds from the start of top (24 rows, 80 columns) until its screen shows"
          f"\n  {'':34} {'who does it':>22} {'what is wrong':>22}", flush=True)
    flood = subprocess.Popen([CHURN, "--connections", "4000000000", "--workers", "1", "--close", "client"],
                             stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        took = [time_to_see(r"\d+\s+churn-client-0", r"churn-client-0 \(\d+\) makes") for _ in range(rounds)]
    finally:
        flood.kill()
        flood.wait()
    print(f"  {'a flood of TIME_WAIT':34} {spread([seen for seen, _ in took]):>22} "
          f"{spread([told for _, told in took]):>22}", flush=True)
    took = []
    for _ in range(rounds):
        leak = subprocess.Popen([sys.executable, "-c", LEAK], stdin=subprocess.DEVNULL)
        try:
            time.sleep(1)
            named = rf"\b{leak.pid}\s+python3|python3 \({leak.pid}\)"
            took.append(time_to_see(named, rf"python3 \({leak.pid}\) (reaches its limit|leaks)"))
        finally:
            leak.kill()
            leak.wait()
    print(f"  {f'{LEAKS_PER_S} descriptors leaked a second':34} {spread([seen for seen, _ in took]):>22} "
          f"{spread([told for _, told in took]):>22}", flush=True)


def main(words):
    parser = argparse.ArgumentParser(prog="scripts/bench screen", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    number = bench_tools.whole_number(1)
    parser.add_argument("--sockets", type=number, default=200000, metavar="N", help="TCP sockets to hold (default 200000)")
    parser.add_argument("--connections", type=number, default=300000, metavar="N",
                        help="connections of each run of the load (default 300000)")
    parser.add_argument("--runs", type=number, default=5, metavar="N", help="rounds (default 5)")
    parser.add_argument("--parts", type=bench_tools.some_of("cost", "tasks"), default="cost,tasks", metavar="PART[,PART]",
                        help="cost, tasks (default both)")
    arguments = parser.parse_args(words)
    parts = arguments.parts
    bench_tools.prepare("test", "bench")
    enter_own_netns()
    print(f"{os.uname().release}, {os.cpu_count()} CPUs, of which {machine_busy(2):.1f} were busy before; "
          "min / median / max")
    if "cost" in parts:
        cost(arguments.sockets, arguments.connections, arguments.runs)
    if "tasks" in parts:
        tasks(arguments.runs)
