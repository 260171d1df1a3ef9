# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""Time, processor time and memory of contenders that take turns."""

from __future__ import annotations

import gc
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

Act = Callable[[], object]


class Samples(NamedTuple):
    """Seconds for one unit, a number for each round; cpu is the client process's own."""

    wall: list[float]
    cpu: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.wall)

    @property
    def minimum(self) -> float:
        return min(self.wall)


def alternate(acts: dict[str, Act], rounds: int, count: int, what: str) -> dict[str, Samples]:
    """Each act does `count` units. One round to warm up is not counted; the garbage
    collector is on, and has done its work when an act begins."""
    samples = {name: Samples([], []) for name in acts}
    for turn in range(rounds + 1):
        if sys.stderr.isatty():
            print(f"\r\033[Kbench: {what}, round {turn} of {rounds} ", end="", file=sys.stderr)
        for name, act in acts.items():
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            result = act()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            del result
            if turn > 0:
                samples[name].wall.append(wall / count)
                samples[name].cpu.append(cpu / count)
    return samples


def _kilobytes(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def peak_growth(act: Act) -> int:
    """Bytes by which the resident set grows at most while act runs."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _kilobytes("VmRSS")
    result = act()
    after = _kilobytes("VmHWM")
    del result
    return max(0, after - before) * 1024


def seconds(value: float) -> str:
    """With a unit of which there are few: 1.23 ms."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:,.{0 if value * factor >= 100 else 1}f} {unit}"
    return f"{value * 1e6:,.0f} µs"
