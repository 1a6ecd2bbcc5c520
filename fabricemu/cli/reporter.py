"""Progress of a run on stderr: a bar on a terminal, a line now and then elsewhere."""

import os
import sys
import time
from typing import TYPE_CHECKING

from fabricemu.cli.interrupts import Interrupts
from fabricemu.cli.text import duration
from fabricemu.engine.run import Progress
from fabricemu.replay import Watcher

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_S = 10.0  # between two lines where there is no terminal


class Reporter(Watcher):
    """Shows one run after the other and lets signals end them."""

    def __init__(self, interrupts: Interrupts, quiet: bool) -> None:
        self._interrupts = interrupts
        self._quiet = quiet
        self._announced = False
        self._terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._name = ""
        self._last = 0.0
        self._bar: tuple[Bar, TaskID] | None = None

    def begin(self, name: str) -> None:
        """Note that the run called ``name`` is next."""
        self._interrupts.check()
        self._interrupts.at_once = True
        self._name = name
        self._last = time.monotonic()

    def end(self) -> None:
        """Note that the run is over, however it ended."""
        if self._bar is not None:
            self._bar[0].stop()
            self._bar = None

    def say(self, text: str) -> None:
        """Print a line."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def compiling(self) -> None:
        """Say why nothing happens for a while."""
        self._announced = True
        self.say("compiling the kernels: once after an installation, a minute or two ...")

    def compiled(self, seconds: float) -> None:
        """Say how long it took; from here on signals wait for ``progress``."""
        if self._announced:
            self._announced = False
            self.say(f"compiled in {seconds:.1f} s")
        self._interrupts.at_once = False
        self._last = time.monotonic()

    def progress(self, progress: Progress) -> None:
        """Show how far the run is."""
        if not self._quiet:
            if self._terminal:
                self._draw(progress)
            elif time.monotonic() - self._last >= LINE_S:
                self._last = time.monotonic()
                self.say(line(self._name, progress))
        self._interrupts.check()

    def _draw(self, progress: Progress) -> None:
        if self._bar is None:
            self._bar = _make_bar(self._name, progress.total_messages)
        bar, task = self._bar
        now = duration(progress.now_ps / 1e12)
        bar.update(task, completed=progress.messages, now=now, left=_left(progress))


def line(name: str, progress: Progress) -> str:
    """Return the state of a run as a line of text."""
    share = 100 * progress.messages / max(progress.total_messages, 1)
    return (
        f"{name}: {share:.1f} % of {progress.total_messages} messages,"
        f" {duration(progress.now_ps / 1e12)} simulated, {_left(progress)}"
    )


def _left(progress: Progress) -> str:
    """Return the wall time that the rest will take at the mean speed so far."""
    if not progress.messages:
        return "time left unknown"
    rest = progress.total_messages - progress.messages
    return f"{progress.elapsed_s * rest / progress.messages:.0f} s left"


def _make_bar(name: str, total: int) -> "tuple[Bar, TaskID]":
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn(name, markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[now]} simulated"),
        TextColumn("{task.fields[left]}"),
    )
    console = Console(stderr=True)
    bar = Bar(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    bar.start()
    return bar, bar.add_task(name, total=max(total, 1), now="", left="")
