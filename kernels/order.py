"""The arrivals of one window at one device, in the order of time."""

from fabricemu.kernels import ring
from fabricemu.kernels._jit import device, inlined
from fabricemu.kernels.random import at_instant, fold
from fabricemu.kernels.state import INF

PORT_BITS = 16
PORT_MASK = (1 << PORT_BITS) - 1
DIRECT = 16  # up to here insertion sort alone is fastest


@inlined
def take(state, part, fifo, port, end, count):
    """Take the arrivals before ``end`` from one ring; return their number so far, and the next."""
    ins = state.ins[fifo]
    head = ins["head"]
    published = ins["published"]
    if head == published:
        return count, INF
    later = INF
    while head < published:
        packet = ring.at(state, ins, head)
        time = state.entries[packet]["time"]
        if time >= end:
            later = time
            break
        state.key_time[part, count] = time
        state.key_slot[part, count] = (packet << PORT_BITS) | port
        count += 1
        head += 1
    ins["head"] = head
    return count, later


@device
def gather(state, part, dev, end):
    """Take all arrivals before ``end`` from the device's rings; return their number, next.

    ``next`` is the time of the first arrival that stays. Afterwards ``sort_time`` and
    ``sort_slot`` hold time and (packet << PORT_BITS | port) in order.
    """
    first = dev["first_port"]
    fifos = state.config[0]["fifos"]
    count = 0
    later = INF
    for port in range(dev["n_ports"]):
        base = fifos * (first + port)
        # From the last on: a pause frame that is delayed goes before what arrives with it.
        for fifo in range(fifos - 1, 1, -1):
            count, soon = take(state, part, base + fifo, port, end, count)
            later = min(later, soon)
        count, soon = take(state, part, base + 1, port, end, count)
        later = min(later, soon)
        count, soon = take(state, part, base, port, end, count)
        later = min(later, soon)
    return count, later


@device
def sort(state, part, count, start, seed):
    """Order ``count`` gathered arrivals: bucket by time, then insertion sort."""
    times = state.sort_time[part]
    slots = state.sort_slot[part]
    from_times = state.key_time[part]
    from_slots = state.key_slot[part]
    if count <= DIRECT:
        for k in range(count):
            times[k] = from_times[k]
            slots[k] = from_slots[k]
    else:
        shift = 0
        span = state.config[0]["lookahead"]
        while (span >> shift) > 4 * count:
            shift += 1
        buckets = (span >> shift) + 1
        heads = state.counts[part]
        for b in range(buckets + 1):
            heads[b] = 0
        for k in range(count):
            heads[((from_times[k] - start) >> shift) + 1] += 1
        for b in range(1, buckets):
            heads[b + 1] += heads[b]
        for k in range(count):
            b = (from_times[k] - start) >> shift
            place = heads[b]
            heads[b] = place + 1
            times[place] = from_times[k]
            slots[place] = from_slots[k]
    insertion(times, slots, count, seed)


@device
def insertion(times, slots, count, seed):
    """Finish the order; arrivals at one instant by their tie hash, then by port."""
    for k in range(1, count):
        time = times[k]
        if times[k - 1] < time:
            continue
        slot = slots[k]
        place = k
        while place > 0 and times[place - 1] > time:
            times[place] = times[place - 1]
            slots[place] = slots[place - 1]
            place -= 1
        if place > 0 and times[place - 1] == time:
            place = among_equals(times, slots, place, slot, at_instant(seed, time))
        times[place] = time
        slots[place] = slot


@device
def among_equals(times, slots, place, slot, instant):
    """Make room for an arrival among those of the same instant; return its place."""
    port = slot & PORT_MASK
    rank = fold(instant, port)
    time = times[place - 1]
    while place > 0 and times[place - 1] == time:
        other = slots[place - 1] & PORT_MASK
        before = fold(instant, other)
        if before < rank or (before == rank and other <= port):
            break
        times[place] = time
        slots[place] = slots[place - 1]
        place -= 1
    return place
