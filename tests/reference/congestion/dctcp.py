"""DCTCP (section 7.3): a window cut once a window of packets, by the share of marks."""

from fabricemu.fabrics.transport import Dctcp as Parameters
from tests.reference.congestion.control import Control, Feedback


class Dctcp(Control):
    def __init__(self, parameters: Parameters, mtu: int):
        super().__init__()
        self.given = parameters
        self.mtu = mtu
        self.window = parameters.init_bytes
        self.alpha = 1.0
        self.acked = self.marked = 0  # packets
        self.mark_end = 0

    def on_ack(self, feedback: Feedback) -> None:
        self.acked += feedback.packets
        self.marked += feedback.packets * feedback.marked
        if feedback.una < self.mark_end or self.acked == 0:
            return
        g = self.given.g
        self.alpha = (1 - g) * self.alpha + g * (self.marked / self.acked)
        if self.marked > 0:
            self.window = max(self.mtu, self.window * (1 - self.alpha / 2))
        else:
            self.window = min(self.given.max_bytes, self.window + self.mtu)
        self.acked = self.marked = 0
        self.mark_end = feedback.nxt

    def on_loss(self, timeout: bool, now: int) -> None:
        self.window = self.mtu if timeout else max(self.mtu, self.window / 2)
