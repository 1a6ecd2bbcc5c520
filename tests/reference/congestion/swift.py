"""Swift (section 7.4): a window in packets that follows a delay target, and may be below one."""

from math import sqrt

from fabricemu.fabrics.transport import Swift as Parameters
from tests.reference.congestion.control import Control, Feedback

MANY_LOSSES = 5


class Swift(Control):
    def __init__(self, parameters: Parameters, mtu: int, switches: int):
        super().__init__()
        self.given = parameters
        self.mtu = mtu
        self.switches = switches
        self.cwnd = parameters.init_packets
        self.rtt: float = parameters.base_ps
        self.last_cut = self.losses = 0
        low, high = parameters.fs_min, parameters.fs_max
        self.fs_alpha = parameters.fs_range_ps / (1 / sqrt(low) - 1 / sqrt(high))
        self.fs_beta = -self.fs_alpha / sqrt(high)
        self.publish()

    def target(self) -> float:
        """Return the delay to aim at, in ps."""
        given = self.given
        flows = self.fs_alpha / sqrt(self.cwnd) + self.fs_beta
        bonus = min(max(flows, 0), given.fs_range_ps)
        return given.base_ps + self.switches * given.hop_ps + bonus

    def on_ack(self, feedback: Feedback) -> None:
        n, now = feedback.packets, feedback.now
        if n > 0:
            self.losses = 0
        delay = now - feedback.echo
        self.rtt = delay
        target = self.target()
        if delay < target:
            grown = self.given.ai * n
            self.cwnd = self.cwnd + (grown / self.cwnd if self.cwnd >= 1 else grown)
        elif now - self.last_cut >= delay:
            factor = 1 - self.given.beta * (delay - target) / delay
            self.cut(max(factor, 1 - self.given.max_mdf), now)
        self.publish()

    def on_loss(self, timeout: bool, now: int) -> None:
        self.losses += timeout
        if self.losses >= MANY_LOSSES:
            self.cwnd = self.given.min_cwnd
        elif now - self.last_cut >= self.rtt:
            self.cut(1 - self.given.max_mdf, now)
        self.publish()

    def cut(self, factor: float, now: int) -> None:
        self.cwnd = self.cwnd * factor
        self.last_cut = now

    def publish(self) -> None:
        """Clip the window; turn what is below a packet into a gap."""
        self.cwnd = min(max(self.cwnd, self.given.min_cwnd), self.given.max_cwnd)
        self.window = max(self.cwnd, 1) * self.mtu
        self.gap = int(self.rtt / self.cwnd) if self.cwnd < 1 else 0
