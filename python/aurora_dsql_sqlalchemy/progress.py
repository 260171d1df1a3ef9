# SPDX-FileCopyrightText: 2026 The aurora-dsql-sqlalchemy authors
# SPDX-License-Identifier: Apache-2.0
"""How far a long piece of work is: a bar on a terminal, or a call of the program's function."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple, TextIO

WIDTH = 20
EIGHTHS = " ▏▎▍▌▋▊▉█"
REDRAW_SECONDS = 0.1


class Progress(NamedTuple):
    """So many rows are done, of so many (None: nobody knows), after so many seconds."""

    done: int
    total: int | None
    seconds: float

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.done / self.seconds if self.seconds > 0 else 0.0


Show = Callable[[Progress], object]


def clock(seconds: float) -> str:
    """Minutes and seconds, and hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def line(what: str, now: Progress) -> str:
    """The bar as text: `insert item:  45%|█████     | 4,500/10,000 [00:03<00:04, 1,500 rows/s]`."""
    rate = f"{now.rate:,.0f} rows/s"
    if not now.total:
        return f"{what}: {now.done:,} [{clock(now.seconds)}, {rate}]"
    share = min(now.done / now.total, 1.0)
    eighths = round(share * WIDTH * 8)
    bar = "█" * (eighths // 8)
    if len(bar) < WIDTH:
        bar += EIGHTHS[eighths % 8]
    left = clock((now.total - now.done) / now.rate) if now.rate else "?"
    return (
        f"{what}: {share:4.0%}|{bar:<{WIDTH}}| {now.done:,}/{now.total:,} "
        f"[{clock(now.seconds)}<{left}, {rate}]"
    )


class Bar:
    """Draws the line again and again over itself."""

    def __init__(self, what: str, stream: TextIO) -> None:
        self.what = what
        self.stream = stream
        self.length = 0
        self.drawn = float("-inf")

    def __call__(self, now: Progress) -> None:
        ends = now.total is not None and now.done >= now.total
        if not ends and now.seconds - self.drawn < REDRAW_SECONDS:
            return
        self.drawn = now.seconds
        text = line(self.what, now)
        self.stream.write("\r" + text.ljust(self.length))
        self.stream.flush()
        self.length = len(text)

    def close(self) -> None:
        if self.length:
            self.stream.write("\n")
            self.stream.flush()


class Meter:
    """Counts, and shows: progress is a function, True, False, or None: on a terminal only."""

    def __init__(self, what: str, total: int | None, progress: Show | bool | None) -> None:
        self.began = time.monotonic()
        self.total = total
        self.done = 0
        self.bar: Bar | None = None
        self.show: Show | None = None
        if callable(progress):
            self.show = progress
        elif progress or (progress is None and sys.stderr.isatty()):
            self.show = self.bar = Bar(what, sys.stderr)

    def add(self, rows: int) -> None:
        self.done += rows
        if self.show is not None:
            self.show(Progress(self.done, self.total, time.monotonic() - self.began))

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
