"""NSCC in the kernels, against the published numbers of a network of 100 Gbit/s and 14 us."""

from dataclasses import replace

import pytest
from fabricemu.kernels.congestion import nscc
from fabricemu.kernels.transport import uec as protocol

from fabricemu.fabrics.transport import Control
from tests import kernel_state
from tests.builders import star
from tests.kernel_state import plain
from tests.reference.examples import MTU, trimming, uec, uec_nic

pytestmark = plain
US = 10**6
RATE = 10**11
WMAX = 262_926
TARGET = 10_517_040
LONG = 1 << 60


class Window:
    """The window of queue pair 0, ``cwnd`` bytes wide; no quick adaptation till it is told."""

    def __init__(self, cwnd=200_000, control=Control.NSCC, **changes):
        nic = uec_nic(control, replace(uec(), **changes))
        self.state = kernel_state.build(trimming(star(2, rate=RATE, latency=US)), nic)
        self.record = self.state.uec_senders[0]
        self.record["cwnd"], self.record["qa_end"] = cwnd, LONG

    def __getitem__(self, name):
        value = self.record[name]
        return float(value) if name == "avg" else int(value)

    def set(self, **values):
        for name, value in values.items():
            self.record[name] = value

    def ack(self, now, delay, newly=16_600, ce=0):
        """Acknowledge as the protocol does: count what is new, then adapt."""
        for name in ("achieved", "received", "ignored"):
            self.record[name] += newly
        nscc.on_ack(self.state, 0, ce, float(delay), newly, now)

    def nack(self, size=MTU, spared=False, now=US):
        nscc.on_nack(self.state, 0, size, spared, now)

    def adapt(self, now, loss=False, ce=0, delay=0.0):
        return nscc.quick_adapt(self.state, 0, loss, ce, delay, now)


def test_begins_with_a_window_and_a_half():
    state = kernel_state.build(trimming(star(2, rate=RATE, latency=US)), uec_nic(Control.NSCC))
    names = ("cwnd", "wmax", "base_rtt", "avg", "inc", "fast")
    assert [state.uec_senders[0][name] for name in names] == [WMAX, WMAX, 14_022_720, 0, 0, 0]


# increase


@pytest.mark.parametrize(
    ("delay", "earned", "grown"),
    [
        (2 * US, 225_021_957, 1125),
        (5 * US, 145_761_337, 728),
        (10 * US, 13_660_303, 68),
        (TARGET, 396_303_101, 1981),
        (40 * US, 396_303_101, 1981),
    ],
)
def test_ack_earns_by_its_distance_from_the_target(delay, earned, grown):
    window = Window()
    window.set(last_adjust=US)
    window.ack(2 * US, delay)
    assert (window["inc"], window["cwnd"]) == (earned, 200_000)
    nscc.fulfil(window.state, 0, 2 * US)
    assert (window["cwnd"] - 200_000, window["inc"], window["received"]) == (grown, 0, 0)


@pytest.mark.parametrize(("received", "fulfilled"), [(33_200, False), (33_201, True)])
def test_increase_comes_after_more_than_eight_packets(received, fulfilled):
    window = Window()
    window.set(received=received, last_adjust=US)
    window.ack(2 * US, 2 * US, newly=0)
    assert (window["received"] == 0) == fulfilled


def test_of_acks_of_four_packets_every_third_fulfils():
    window = Window()
    window.set(last_adjust=US)
    left = []
    for _ in range(6):
        window.ack(2 * US, 2 * US)
        left.append(window["received"])
    assert left == [16_600, 33_200, 0] * 2


def test_window_grows_by_eta_once_a_round_trip():
    window, rtt = Window(), 14_022_720
    windows = []
    for now in (rtt, rtt + 1, 2 * rtt, 2 * rtt + 1):
        window.ack(now, 2 * US, newly=0)
        windows.append(window["cwnd"])
    # more than R after the last one lets it happen, and is then at least R
    assert windows == [200_000, 200_716, 200_716, 200_716]
    window.ack(2 * rtt + 2, 2 * US, newly=0)
    assert window["cwnd"] == 201_432


@pytest.mark.parametrize(("now", "grown"), [(14_022_719, 0), (14_022_720, 716)])
def test_eta_comes_with_a_fulfilment_after_a_round_trip(now, grown):
    window = Window()
    window.ack(now, 2 * US, newly=0)
    assert window["cwnd"] == 200_000
    window.set(received=33_201)
    window.ack(now, 2 * US, newly=0)
    assert window["cwnd"] == 200_000 + grown


def test_fair_increase_is_not_cut_to_32_bits():
    # at 800 Gbit/s three ACKs of four packets come to more than 2^32
    fast = uec(8 * RATE, 8_168_560)
    window = Window(fair=fast.fair)
    window.set(last_adjust=US)
    for _ in range(3):
        window.set(received=0)
        window.ack(2 * US, TARGET)
    assert window["inc"] == 3 * int(fast.fair * 16_600) > 2**32


def test_fast_increase_after_a_window_without_delay():
    window = Window(40_000)
    window.set(last_adjust=US)
    window.ack(2 * US, US - 1, newly=40_000)
    # the window's worth is not more than the window: still in proportion, and fulfilled at once
    assert (window["fi"], window["fast"], window["inc"]) == (40_000, 0, 0)
    window.set(cwnd=40_000, received=0)
    window.ack(2 * US, 0)
    assert (window["fast"], window["cwnd"], window["inc"]) == (1, 44_849, 0)
    window.ack(2 * US, 0, newly=10)
    assert window["cwnd"] == 44_851
    window.ack(2 * US, US, newly=10)
    assert (window["fast"], window["fi"], window["inc"] > 0) == (0, 0, True)


def test_window_is_never_more_than_the_largest():
    window = Window(WMAX - 1)
    window.ack(100 * US, 2 * US)
    assert window["cwnd"] == WMAX


# decrease


@pytest.mark.parametrize(("average", "cwnd"), [(12, 180_227), (15, 152_181), (30, 100_000)])
def test_mark_and_delay_cut_by_the_average(average, cwnd):
    window = Window()
    window.set(avg=average * US, last_adjust=20 * US)
    window.ack(20 * US, TARGET, newly=0, ce=1)
    assert window["cwnd"] == cwnd
    window.ack(20 * US + 14_022_720, TARGET, newly=0, ce=1)
    assert window["last_cut"] == 20 * US
    window.ack(20 * US + 14_022_721, TARGET, newly=0, ce=1)
    assert window["last_cut"] == 20 * US + 14_022_721


@pytest.mark.parametrize(("delay", "average"), [(TARGET - 1, 30 * US), (11 * US, TARGET)])
def test_mark_alone_does_not_cut(delay, average):
    window = Window()
    window.set(avg=average, last_adjust=20 * US)
    window.ack(20 * US, delay, newly=0, ce=1)
    assert (window["cwnd"], window["inc"]) == (200_000, 0)


def test_window_is_never_less_than_a_packet():
    window = Window(MTU + 100)
    window.nack()
    assert window["cwnd"] == MTU
    window.set(avg=100 * US, last_adjust=20 * US)
    window.ack(20 * US, 11 * US, newly=0, ce=1)
    assert window["cwnd"] == MTU


def test_average_takes_sixty_long_samples_to_pass_the_target():
    window = Window()
    averages = []
    for _ in range(60):
        nscc.feed(window.state, 0, 1, 20.0 * US)
        averages.append(window["avg"])
    assert round(averages[9] / US, 3) == 2.364
    assert averages[58] < TARGET < averages[59]


@pytest.mark.parametrize(
    ("ce", "delay", "sample"), [(0, 20, 14.02272 / 4), (0, 10, 10), (1, 20, 20), (1, 10, 10)]
)
def test_delay_without_a_mark_counts_a_quarter_of_a_round_trip(ce, delay, sample):
    window = Window()
    nscc.feed(window.state, 0, ce, float(delay * US))
    assert window["avg"] == pytest.approx(0.0125 * sample * US, rel=1e-12)


def test_nacks_are_samples_of_a_round_trip():
    window = Window()
    count = 0
    while window["avg"] <= TARGET:
        window.nack()
        count += 1
    assert count == 111


def test_nack_takes_its_packet_off_unless_it_is_spared():
    window = Window()
    window.nack(spared=True)
    assert (window["cwnd"], window["ignored"], window["trigger"]) == (200_000, MTU, 1)
    window.nack()
    assert (window["cwnd"], window["ignored"]) == (195_850, 2 * MTU)


def test_shorter_round_trip_lowers_base_and_window():
    window = Window()
    nscc.new_base(window.state, 0, 4_674_240)
    assert (window["base_rtt"], window["wmax"], window["cwnd"]) == (4_674_240, 87_642, 200_000)
    nscc.clip(window.state, 0)
    assert window["cwnd"] == 87_642


def test_largest_window_is_at_least_the_smallest():
    window = Window()
    nscc.new_base(window.state, 0, 100_000)
    assert window["wmax"] == MTU


# quick adaptation

GATE = 32_865  # an eighth of the largest window
PERIOD = 24_539_760


def troubled(achieved, **values):
    """Return a window whose period has just ended, with a loss in it."""
    window = Window()
    window.set(**({"qa_end": 1, "trigger": 1, "achieved": achieved, "flight": 77_000} | values))
    return window


def test_gate_is_an_eighth_of_the_largest_window():
    assert WMAX >> 3 == GATE
    assert PERIOD * RATE // (8 * 10**12) == 306_747  # what the line carries in a period


def test_quick_adaptation_falls_to_what_was_achieved():
    window = troubled(GATE - 1)
    assert window.adapt(2)
    names = ("cwnd", "to_ignore", "ignored", "trigger", "achieved", "qa_end")
    assert [window[name] for name in names] == [GATE - 1, 77_000, 0, 0, 0, 2 + PERIOD]


def test_quick_adaptation_leaves_who_achieved_enough():
    window = troubled(GATE)
    assert not window.adapt(2)
    names = ("cwnd", "trigger", "achieved", "qa_end")
    assert [window[name] for name in names] == [200_000, 1, 0, 2 + PERIOD]


@pytest.mark.parametrize(
    ("loss", "delay", "done"),
    [(False, 4 * TARGET, False), (False, 4 * TARGET + 1, True), (True, 0, True)],
)
def test_quick_adaptation_needs_trouble(loss, delay, done):
    assert troubled(0, trigger=0).adapt(2, loss, delay=float(delay)) == done


def test_first_call_only_opens_a_period():
    window = troubled(0, qa_end=0)
    assert not window.adapt(2, loss=True)
    assert (window["cwnd"], window["trigger"], window["qa_end"]) == (200_000, 1, 2 + PERIOD)


def test_nothing_happens_within_a_period():
    window = troubled(0, qa_end=2)
    assert not window.adapt(2, loss=True)
    assert (window["cwnd"], window["qa_end"]) == (200_000, 2)


def test_quick_adaptation_stops_at_a_packet():
    window = troubled(100)
    window.adapt(2)
    assert window["cwnd"] == MTU


def test_marks_of_what_was_in_flight_are_ignored_then():
    window = troubled(GATE - 1)
    window.adapt(2)
    window.set(avg=100 * US, last_adjust=20 * US, ignored=0, inc=5)
    window.ack(20 * US, 11 * US, newly=76_999, ce=1)
    assert (window["cwnd"], window["inc"], window["received"]) == (GATE - 1, 0, 0)
    window.ack(20 * US, 11 * US, newly=1, ce=1)
    assert window["cwnd"] < GATE - 1


def test_unmarked_ack_is_not_ignored():
    window = troubled(GATE - 1)
    window.adapt(2)
    window.set(last_adjust=20 * US)
    window.ack(20 * US, 2 * US, newly=100)
    assert window["inc"] > 0


# other modes


def test_constant_window_stays():
    window = Window(control=Control.CONSTANT)
    window.ack(100 * US, 2 * US)
    window.ack(200 * US, 30 * US, ce=1)
    window.nack()
    assert window["cwnd"] == 200_000


@pytest.mark.parametrize(
    ("control", "cwnd"), [(Control.NSCC, 200_000 - MTU), (Control.CONSTANT, 200_000)]
)
def test_timeout_takes_its_packet_off_a_window_that_moves(control, cwnd):
    window = Window(control=control)
    kernel_state.run_until(window.state, 0)
    host = window.state.hosts[0]
    protocol.expire(window.state, 0, host, 0, 0, 100 * US)
    assert (window["cwnd"], window["losses"], window["flight"]) == (cwnd, 1, 0)
