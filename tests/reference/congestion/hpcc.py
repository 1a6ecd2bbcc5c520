"""HPCC (section 7.5): a window by the utilisation of the busiest hop, as switches stamp it."""

from fabricemu.fabrics.transport import Hpcc as Parameters
from tests.reference.congestion.control import Control, Feedback
from tests.reference.packets import Stamp


class Hpcc(Control):
    def __init__(self, parameters: Parameters, port_rate: int):
        super().__init__()
        self.given = parameters
        self.period = float(parameters.rtt_ps)
        self.most = port_rate * self.period / 8e12
        self.current = self.reference = self.most  # bytes; the reference moves once a round
        self.utilisation = 1.0
        self.stage = 0
        self.update = 0  # psn that ends the round
        self.last: list[Stamp] | None = None
        self.publish()

    def on_ack(self, feedback: Feedback) -> None:
        stamps = feedback.stamps
        if not stamps:
            return
        if self.last is None or len(self.last) != len(stamps):
            self.update = feedback.nxt
        else:
            self.measure(self.last, stamps, feedback)
        self.last = stamps
        self.publish()

    def measure(self, old: list[Stamp], new: list[Stamp], feedback: Feedback) -> None:
        hops = [pair for pair in zip(old, new, strict=True) if pair[1].time > pair[0].time]
        if not hops:
            return
        u, before, after = max(((self.load(*pair), *pair) for pair in hops), key=lambda hop: hop[0])
        tau = min(after.time - before.time, self.period)
        share = tau / self.period
        self.utilisation = (1 - share) * self.utilisation + share * u
        stage = self.adjust(self.utilisation / self.given.eta)
        if feedback.una > self.update:
            self.reference = self.current
            self.stage = stage
            self.update = feedback.nxt

    def load(self, old: Stamp, new: Stamp) -> float:
        """Return the utilisation of a hop: its rate and its queue, of what it can do."""
        rate = (new.sent - old.sent) * 8e12 / (new.time - old.time) / new.rate
        queue = min(old.waiting, new.waiting) * 8e12 / (float(new.rate) * self.period)
        return rate + queue

    def adjust(self, k: float) -> int:
        """Set the window from the reference; return the next stage."""
        if k >= 1 or self.stage >= self.given.max_stage:
            self.current = self.reference / k + self.given.ai_bytes
            stage = 0
        else:
            self.current = self.reference + self.given.ai_bytes
            stage = self.stage + 1
        self.current = min(max(self.current, self.given.min_bytes), self.most)
        return stage

    def on_loss(self, timeout: bool, now: int) -> None:
        if timeout:
            self.current = self.reference = max(self.given.min_bytes, self.current / 2)
            self.publish()

    def publish(self) -> None:
        self.window = self.current
        self.rate = 8e12 * self.current / self.period
