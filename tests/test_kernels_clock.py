"""What keeps the time of hosts and switches, against a plain list of all that is due."""

import numpy as np
from fabricemu.kernels import clock
from fabricemu.kernels._view import attach, handle
from fabricemu.kernels.state import INF, NONE
from fabricemu.kernels.switch import departures
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from tests import builders, kernel_state
from tests.compare import JIT
from tests.ethernet import dcqcn, with_switching

QUICK = settings(max_examples=200 if JIT else 25, derandomize=True, database=None, deadline=None)
QPS = 3
KINDS = 5
HOST = 1

# timers of queue pairs


@njit
def timer_number(table, qp, kind):
    state = attach(table)
    return clock.number(state, state.hosts[HOST], qp, kind)


@njit
def set_timer(table, timer, time):
    state = attach(table)
    clock.set_at(state, state.hosts[HOST], timer, time)


@njit
def cancel_timer(table, timer):
    state = attach(table)
    clock.cancel(state, state.hosts[HOST], timer)


@njit
def first_timer(table):
    state = attach(table)
    host = state.hosts[HOST]
    return clock.first(state, host), clock.top(state, host)


@njit
def timer_is_set(table, timer):
    state = attach(table)
    return clock.is_set(state, state.hosts[HOST], timer)


def hosts_with_timers():
    """Return a state of two hosts that have all kinds of timers, those of host 1 in the middle."""
    program = builders.sends([(0, 1, 0), (1, 2, 0), (2, 0, 0)], 3)
    transport = builders.transport(qps=QPS, **dcqcn())
    return kernel_state.build(builders.star(3), transport, program)


TIMERS = st.integers(0, QPS * KINDS - 1)
STEPS = st.one_of(
    st.tuples(st.just("set"), TIMERS, st.integers(0, 12)),
    st.tuples(st.just("cancel"), TIMERS, st.none()),
    st.tuples(st.just("pop"), st.none(), st.none()),
)


@QUICK
@given(st.lists(STEPS, max_size=150))
def test_timers_that_move_and_vanish_come_in_order_of_time_then_number(steps):
    state = hosts_with_timers()
    table, due = handle(state), {}
    for what, timer, time in steps:
        if what == "set":
            set_timer(table, timer, time)
            due[timer] = time
        elif what == "cancel":
            cancel_timer(table, timer)
            due.pop(timer, None)
        elif due:
            time, timer = min((time, timer) for timer, time in due.items())
            assert first_timer(table) == (time, timer)
            cancel_timer(table, timer)
            del due[timer]
        assert state.hosts["clocks"].tolist() == [0, len(due), 0]
        if due:
            assert first_timer(table) == min((time, timer) for timer, time in due.items())
    assert [bool(timer_is_set(table, k)) for k in range(QPS * KINDS)] == [
        k in due for k in range(QPS * KINDS)
    ]


def test_timer_that_takes_the_place_of_a_cancelled_one_may_have_to_rise():
    table = handle(hosts_with_timers())
    # a heap as they are: 3, the last, takes the place of 11, under 10
    times = [0, 10, 1, 11, 12, 20, 2, 13, 14, 15, 16, 22, 23, 21, 3]
    for timer, time in enumerate(times):
        set_timer(table, timer, time)
    cancel_timer(table, times.index(11))
    order = []
    for _ in range(14):
        time, timer = first_timer(table)
        order.append(time)
        cancel_timer(table, timer)
    assert order == [time for time in sorted(times) if time != 11]


def test_host_without_timers_waits_for_ever():
    table = handle(hosts_with_timers())
    assert first_timer(table)[0] == INF
    cancel_timer(table, 3)
    assert first_timer(table)[0] == INF


def test_timers_of_a_host_do_not_touch_those_of_others():
    state = hosts_with_timers()
    table = handle(state)
    mine = slice(int(state.hosts[HOST]["clock"]), int(state.hosts[HOST + 1]["clock"]))
    assert mine.stop - mine.start == QPS * KINDS
    for timer in range(QPS * KINDS):
        set_timer(table, timer, 100 - timer)
    others = np.delete(state.clock_place, np.r_[mine])
    assert (others == NONE).all()
    assert sorted(state.clock_id[mine]) == list(range(QPS * KINDS))


def test_timers_are_numbered_by_queue_pair_then_kind():
    state = hosts_with_timers()
    first = int(state.hosts[HOST]["first_qp"])
    numbers = [
        timer_number(handle(state), first + qp, kind) for qp in range(QPS) for kind in range(KINDS)
    ]
    assert numbers == list(range(QPS * KINDS))


# departures of a switch

PORTS = 6
SWITCH = PORTS  # device: the switch of a star follows its hosts


@njit
def add_departure(table, port):
    departures.add(attach(table), SWITCH, port)


@njit
def first_departure(table):
    return departures.first(attach(table), SWITCH)


@njit
def take_departure(table):
    return departures.take(attach(table), SWITCH)


@QUICK
@given(st.lists(st.none() | st.tuples(st.integers(0, PORTS - 1), st.integers(0, 4)), max_size=60))
def test_ports_depart_in_order_of_time_then_number(steps):
    """None takes the first; a port that is added again stays where it is."""
    state = kernel_state.build(with_switching(builders.star(PORTS)))
    table, base = handle(state), int(state.devices[SWITCH]["first_port"])
    due = {}
    for step in steps:
        if step is not None:
            port, time = step
            if port not in due:
                state.ports[base + port]["free_at"] = due[port] = time
            add_departure(table, base + port)
        elif due:
            time, port = min((time, port) for port, time in due.items())
            assert (first_departure(table), take_departure(table)) == (time, base + port)
            del due[port]
        assert state.egress["scheduled"].sum() == len(due)
        assert first_departure(table) == min(due.values(), default=INF)
