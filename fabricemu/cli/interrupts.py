"""SIGINT, SIGTERM and SIGHUP during a run: the first one asks, the second one ends."""

import os
import signal
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):  # as KeyboardInterrupt, which click would take for itself
    """The process was told to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(number).name}")
        self.exit_code = 128 + number


class Interrupts:
    """While it is entered, signals raise ``Interrupted``.

    At once where nothing has to be put in order (``at_once``), else at the next ``check``.
    """

    def __init__(self) -> None:
        self.at_once = True
        self._number = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interrupts":
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup stays in force
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._number:
            os._exit(128 + number)
        self._number = number
        if self.at_once:
            self.check()

    def check(self) -> None:
        """Raise ``Interrupted`` if a signal has come."""
        if self._number:
            raise Interrupted(self._number)
