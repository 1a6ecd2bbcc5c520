"""NSCC (section 8.1): a window by delay and marks; and the window that stays as it is."""

from fabricemu.fabrics.transport import Uec

DELAYS_OF_ALARM = 4  # targets of delay that let the quick adaptation act


class Window:
    """A constant window, which is also what NSCC offers to its sender."""

    average: float = 0.0

    def __init__(self, given: Uec):
        self.given = given
        self.cwnd = given.init_window

    def sample(self, raw: int, marked: bool) -> float:
        """Take in a round trip; return its queueing delay."""
        return 0

    def sample_of_nack(self, raw: int) -> None:
        """Take in the round trip of a trimmed header."""

    def on_ack(self, now: int, marked: bool, delay: float, newly: int, flight: int) -> None:
        """Take in an ACK for ``newly`` bytes; ``flight`` is what is left in flight."""

    def on_nack(self, now: int, size: int, last_hop: bool, flight: int) -> None:
        """Take in a NACK; ``flight`` still has the packet of ``size`` bytes."""

    def on_timeout(self, size: int) -> None:
        """Learn that a packet expired."""


class Nscc(Window):
    def __init__(self, given: Uec, credited: bool):
        super().__init__(given)
        self.credited = credited
        self.wmax = given.max_window
        self.base_rtt = given.rtt_ps
        self.average = 0.0
        self.inc = 0  # to be divided by the window
        self.fast_bytes = 0
        self.fast = False
        self.received = self.achieved = self.ignored = self.to_ignore = 0
        self.quick_end = 0
        self.trigger = False
        self.last_adjust = self.last_cut = 0

    # samples

    def sample(self, raw: int, marked: bool) -> float:
        if raw < self.base_rtt:
            self.set_base(raw)
        delay = raw - self.base_rtt
        self.feed(delay, marked)
        return delay

    def sample_of_nack(self, raw: int) -> None:
        if raw < self.base_rtt and self.given.nack_updates_base:
            self.set_base(raw)

    def set_base(self, raw: int) -> None:
        self.base_rtt = raw
        bytes_in_flight = self.base_rtt * self.given.rate_bps / 8e12
        self.wmax = max(int(1.5 * bytes_in_flight), self.given.min_window)

    def feed(self, delay: float, marked: bool) -> None:
        """Renew the average; a long delay without a mark is not believed."""
        g = self.given.ewma
        if not marked and delay > self.given.target_ps:
            self.average = g * self.base_rtt / 4 + (1 - g) * self.average
        else:
            self.average = g * delay + (1 - g) * self.average

    # ACKs

    def on_ack(self, now: int, marked: bool, delay: float, newly: int, flight: int) -> None:
        self.achieved += newly
        self.received += newly
        self.ignored += newly
        if self.adapt_quickly(now, marked, delay > DELAYS_OF_ALARM * self.given.target_ps, flight):
            self.inc = self.received = 0
            return
        if marked and delay >= self.given.target_ps:
            self.decrease(now)
        elif not marked:
            self.increase(delay, newly)
        self.clip()
        self.fulfil(now)
        self.clip()

    def increase(self, delay: float, newly: int) -> None:
        if delay >= self.given.target_ps:
            self.inc += int(self.given.fair * newly)
            return
        self.test_fast(delay, newly)
        if not self.fast:
            self.inc += int(self.given.alpha * newly * (self.given.target_ps - delay))

    def test_fast(self, delay: float, newly: int) -> None:
        """Grow at once after a window without delay."""
        if delay >= self.given.fast_ps:
            self.fast_bytes = 0
            self.fast = False
            return
        self.fast_bytes += newly
        self.fast = self.fast or self.fast_bytes > self.cwnd
        if self.fast:
            self.cwnd = int(self.cwnd + newly * self.given.fast_gain)

    def decrease(self, now: int) -> None:
        self.fast = False
        self.fast_bytes = 0
        target = self.given.target_ps
        if self.average > target and now - self.last_cut > self.base_rtt:
            factor = max(1 - self.given.gamma * (self.average - target) / self.average, 0.5)
            self.cwnd = max(int(self.cwnd * factor), self.given.min_window)
            self.last_cut = now

    def clip(self) -> None:
        self.cwnd = min(max(self.cwnd, self.given.min_window), self.wmax)

    def fulfil(self, now: int) -> None:
        """Add what has been earned, after enough bytes or a round trip."""
        since = now - self.last_adjust
        if self.received <= self.given.fulfil_bytes and since <= self.given.rtt_ps:
            return
        self.cwnd += self.inc // self.cwnd
        if since >= self.given.rtt_ps:
            self.cwnd = int(self.cwnd + self.given.eta)
            self.last_adjust = now
        self.inc = self.received = 0

    # losses

    def adapt_quickly(self, now: int, marked: bool, alarm: bool, flight: int) -> bool:
        """Once a period, fall to what was achieved in it if that is little."""
        if self.ignored < self.to_ignore and marked:
            return True
        if now <= self.quick_end:
            return False
        little = self.achieved < self.wmax >> self.given.gate_shift
        done = self.quick_end != 0 and (self.trigger or alarm) and little
        if done:
            self.cwnd = max(self.achieved, self.given.min_window)
            self.to_ignore = flight
            self.ignored = 0
            self.trigger = False
        self.achieved = 0
        self.quick_end = now + self.base_rtt + self.given.target_ps
        return done

    def on_nack(self, now: int, size: int, last_hop: bool, flight: int) -> None:
        self.ignored += size
        self.feed(self.given.rtt_ps, True)
        self.trigger = True
        if self.adapt_quickly(now, True, True, flight):
            return
        if not (self.credited and last_hop):
            self.cwnd -= size
            self.clip()

    def on_timeout(self, size: int) -> None:
        self.cwnd = max(self.cwnd - size, self.given.min_window)
