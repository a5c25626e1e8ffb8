# SPDX-License-Identifier: GPL-2.0-only
"""`scripts/bench leaks`: how well leaks are told from healthy processes, and what watching for them costs.

A zoo of 48 processes (tests/support/load/fd_zoo.cpp) is recorded with stacks; the recording is replayed, and each
fd_leak finding is compared with what its process was told to do. Then the open and close churn runs under `leaks`.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

from lib import bench_tools

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(ROOT, "build", "release")
SOCKEYE = os.path.join(BUILD, "sockeye")
FD_ZOO = os.path.join(BUILD, "tests", "fd_zoo")
FD_CHURN = os.path.join(BUILD, "tests", "fd_churn")
RATE_CLASSES = [(0.5, "leak, 0.1 to 0.5/s"), (10, "leak, 0.5 to 10/s"), (1e9, "leak, 10 to 100/s")]


class Animal:
    def __init__(self, behaviour, kind, per_s):
        self.behaviour, self.kind, self.per_s = behaviour, kind, per_s
        self.findings = []  # (seconds after the beginning, caller, growth per second)

    def leaks(self):
        return self.behaviour.startswith("leak")

    def row(self):
        """The line of the table that it counts in."""
        if not self.leaks():
            return self.behaviour
        regular = next(name for most, name in RATE_CLASSES if self.per_s <= most)
        return regular + (", at random" if self.behaviour == "leak-random" else "")


def record_zoo(seed, seconds, path):
    """Returns the animals by pid, and when they began (CLOCK_MONOTONIC, in s)."""
    zoo = subprocess.Popen([FD_ZOO, str(seed), str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    animals = {}
    for line in zoo.stdout:
        if line == "caged\n":
            break
        pid, behaviour, kind, per_s = line.split()
        animals[int(pid)] = Animal(behaviour, kind, float(per_s))
    recorder = bench_tools.Program("sockeye record", [SOCKEYE, "record", path, "--stacks", "-e", "fd_open,fd_close"])
    recorder.wait_ready()
    began = time.monotonic()
    zoo.stdin.write("\n")
    zoo.stdin.flush()
    zoo.stdout.readline()
    time.sleep(max(0.0, began + seconds - 2 - time.monotonic()))
    recorder.check("before the zoo did")
    recorder.stop()
    zoo.wait()
    print(f"  {recorder.talk().strip().splitlines()[-1]}; {os.path.getsize(path) / 1e6:.1f} MB", flush=True)
    return animals, began


def note_findings(path, animals, began):
    """Adds what was found to the animals; returns how many processes outside the zoo were called leaking."""
    others = set()
    for line in bench_tools.run([SOCKEYE, "replay", path, "--json", "-e", "finding"]).splitlines():
        finding = json.loads(line)
        if finding["rule"] != "fd_leak":
            continue
        animal = animals.get(finding["evidence"]["pid"])
        if animal is None:
            others.add(finding["evidence"]["comm"])
            continue
        evidence = finding["evidence"]
        animal.findings.append((finding["ktime_ns"] / 1e9 - began, evidence.get("caller") or "", evidence["slope_per_s"]))
    return others


def spread(values, digits=0):
    values = sorted(values)
    if not values:
        return "-"
    return f"{values[0]:.{digits}f} / {statistics.median(values):.{digits}f} / {values[-1]:.{digits}f}"


def is_right(animal, caller):
    return f"leak_{animal.kind}" in caller


def print_table(animals):
    rows = {}
    for animal in animals.values():
        rows.setdefault(animal.row(), []).append(animal)
    print(f"  {'':34} {'processes':>9} {'flagged':>7} {'caller right':>12} {'after, s (min/median/max)':>26} "
          f"{'rate found / true':>19}")
    for name in sorted(rows, key=lambda name: (not name.startswith("leak"), name)):
        members = rows[name]
        flagged = [animal for animal in members if animal.findings]
        right = [animal for animal in flagged if all(is_right(animal, caller) for _, caller, _ in animal.findings)]
        after = spread([animal.findings[0][0] for animal in flagged])
        leaking = members[0].leaks()
        rates = spread([animal.findings[0][2] / animal.per_s for animal in flagged], 2) if leaking else ""
        print(f"  {name:34} {len(members):>9} {len(flagged):>7} {len(right) if leaking else '':>12} {after:>26} {rates:>19}")


def print_score(animals, others):
    leaking = [animal for animal in animals.values() if animal.leaks()]
    found = [animal for animal in leaking if animal.findings]
    wrong = [animal for animal in animals.values() if animal.findings and not animal.leaks()]
    flagged = len(found) + len(wrong)
    print(f"  recall {len(found)} of {len(leaking)} leaks ({len(found) / len(leaking):.3f}); "
          f"precision {len(found)} of {flagged} flagged ({len(found) / max(flagged, 1):.3f}); "
          f"{len(wrong)} of {len(animals) - len(leaking)} healthy processes flagged")
    for animal in leaking:
        if not animal.findings:
            print(f"  missed: {animal.behaviour} {animal.kind} {animal.per_s:.2f}/s")
    for animal in wrong:
        print(f"  false: {animal.behaviour} {animal.kind} after {animal.findings[0][0]:.0f} s")
    if others:
        print(f"  outside the zoo: {', '.join(sorted(others))}")


def zoo(seeds, seconds):
    for seed in seeds:
        print(f"\na zoo of 48 processes, seed {seed}, watched for {seconds - 2} s", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "zoo.sockeye")
            animals, began = record_zoo(seed, seconds, path)
            others = note_findings(path, animals, began)
        print_table(animals)
        print_score(animals, others)


def main(words, bench):
    parser = argparse.ArgumentParser(prog="scripts/bench leaks", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=bench_tools.whole_numbers, default="1", metavar="N[,N]",
                        help="seeds of the zoos (default 1)")
    parser.add_argument("--seconds", type=bench_tools.whole_number(10), default=180, metavar="S",
                        help="how long each zoo lives (default 180)")
    parser.add_argument("--runs", type=bench_tools.whole_number(1), default=5, metavar="N",
                        help="rounds of the comparison of costs (default 5)")
    parser.add_argument("--parts", type=bench_tools.some_of("zoo", "cost"), default="zoo,cost", metavar="PART[,PART]",
                        help="zoo, cost (default both)")
    arguments = parser.parse_args(words)
    bench_tools.prepare("test", "bench")
    if "zoo" in arguments.parts:
        zoo(arguments.seeds, arguments.seconds)
    if "cost" in arguments.parts:
        print(f"\n{os.uname().release}, {os.cpu_count()} CPUs; min / median / max of {arguments.runs} rounds")
        bench.compare("open and close churn", [FD_CHURN, "--iterations", "300000"], [
            bench.Tracer("sockeye top, fd hooks", [SOCKEYE, "top", "--batch", "-e", "fd_open,fd_close"]),
            bench.Tracer("sockeye leaks, whole host", [SOCKEYE, "leaks", "-d", "1h"]),
            bench.Tracer("sockeye leaks -p of the load", [SOCKEYE, "leaks", "-d", "1h", "-p", bench.PARENT, "--follow"]),
            bench.Tracer("sockeye leaks -p of another", [SOCKEYE, "leaks", "-d", "1h", "-p", "1"]),
        ], arguments.runs)
