"""DCQCN's reaction point (section 7.2): cut on CNPs, recover by timer and byte counter."""

from fabricemu.fabrics.transport import Dcqcn as Parameters
from tests.reference.congestion.control import Control
from tests.reference.timers import Kind

DECREASE_AFTER_ALPHA_PS = 1000  # at equal periods alpha is renewed first
CALM_ALPHA = 1e-4


class Dcqcn(Control):
    def __init__(self, parameters: Parameters, port_rate: int):
        super().__init__()
        self.given = parameters
        self.most = float(port_rate)
        self.rate = self.target = self.most
        self.alpha = 1.0
        self.time_stage = self.byte_stage = 0
        self.sent = 0  # bytes, since the last step of the byte counter
        self.on = self.cut = self.seen = False
        self.set_window()

    def set_window(self) -> None:
        if self.given.window_bytes > 0:
            self.window = max(1, self.given.window_bytes * self.rate / self.most)

    # decrease

    def on_cnp(self, now: int) -> None:
        if self.given.decrease_ps == 0:
            self.decrease(now)
            self.alpha = (1 - self.given.g) * self.alpha + self.given.g
            self.timers[Kind.ALPHA] = now + self.given.alpha_ps
            self.on = True
        else:
            self.sample(now)

    def sample(self, now: int) -> None:
        """Note a CNP for the periodic timers; the first one starts them."""
        self.cut = True
        if self.on:
            self.seen = True
            return
        self.on = True
        self.timers[Kind.ALPHA] = now + self.given.alpha_ps
        self.timers[Kind.DECREASE] = now + self.given.decrease_ps + DECREASE_AFTER_ALPHA_PS

    def decrease(self, now: int) -> None:
        if self.given.clamp or self.time_stage > 0 or self.byte_stage > 0:
            self.target = self.rate
        self.rate = max(self.given.min_bps, self.rate * (1 - self.alpha / 2))
        self.time_stage = self.byte_stage = self.sent = 0
        self.timers[Kind.INCREASE] = now + self.given.increase_ps
        self.set_window()

    # increase

    def on_send(self, wire: int, now: int) -> None:
        if not self.on or self.given.byte_counter == 0:
            return
        self.sent += wire
        if self.sent >= self.given.byte_counter:
            self.sent -= self.given.byte_counter
            self.increase(self.byte_stage)
            self.byte_stage += 1

    def increase(self, stage: int) -> None:
        """Take a step as one of the counters comes to the end of ``stage``."""
        if self.given.byte_counter == 0:
            least = most = stage
            hyper = stage > self.given.fast_recovery
        else:
            least = min(self.time_stage, self.byte_stage)
            most = max(self.time_stage, self.byte_stage)
            hyper = least > self.given.fast_recovery
        if hyper:
            self.target = min(self.most, self.target + self.given.hai_bps)
        elif most >= self.given.fast_recovery:
            self.target = min(self.most, self.target + self.given.ai_bps)
        self.rate = (self.rate + self.target) / 2
        self.calm_down()
        self.set_window()

    def calm_down(self) -> None:
        """Stop all timers once the rate is that of the port and alpha has decayed."""
        if self.target >= self.most and self.most - self.rate < 1:
            self.rate = self.most
            if self.alpha < CALM_ALPHA:
                self.timers.clear()
                self.on = False

    # timers

    def on_timer(self, kind: Kind, now: int) -> None:
        match kind:
            case Kind.ALPHA:
                self.timers[kind] = now + self.given.alpha_ps
                self.renew_alpha()
            case Kind.DECREASE:
                self.timers[kind] = now + self.given.decrease_ps
                if self.cut:
                    self.decrease(now)
                    self.cut = False
            case Kind.INCREASE:
                self.timers[kind] = now + self.given.increase_ps
                self.increase(self.time_stage)
                self.time_stage += 1

    def renew_alpha(self) -> None:
        if self.given.decrease_ps == 0:
            self.alpha = (1 - self.given.g) * self.alpha
        else:
            self.alpha = (1 - self.given.g) * self.alpha + self.given.g * self.seen
            self.seen = False
