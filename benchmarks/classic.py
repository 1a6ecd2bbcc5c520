# mypy: allow-untyped-defs, allow-untyped-decorators
"""The event loop of the classic kind, to measure the engine against: one global heap.

It has what a spraying Clos without loss needs of docs/model.md: output-queued switches,
control before data, any-order receivers, an ACK for each packet. As htsim does it there
is one pending event for each busy wire and one for each port where packets wait. All
times of messages equal the engine's.
"""

from fabricemu.kernels._jit import OPTIONS, device
from fabricemu.kernels._view import attach
from fabricemu.kernels.random import at_instant, fold, pick
from numba import njit

from benchmarks import classic_heap as heap
from benchmarks.classic_state import (
    ACK,
    ARRIVAL,
    CONTROL,
    DATA,
    FIRST_ROOM,
    FLOW_SHIFT,
    LAST,
    NONE,
    PORT_BITS,
    PORT_MASK,
    PSN_MASK,
    PSN_SHIFT,
    TIME_SHIFT,
)

WORD, LOW = 5, 31


@device
def grow_queue(state, ring):
    """Move a full queue to twice the room; return whether there was some."""
    totals = state.totals[0]
    place = totals["next_queued"]
    mask = max(2 * ring["mask"] + 1, FIRST_ROOM - 1)
    if place + mask >= len(state.queue_items):
        totals["full"] = 1
        return False
    for index in range(ring["head"], ring["tail"]):
        item = state.queue_items[ring["offset"] + (index & ring["mask"])]
        state.queue_items[place + (index & mask)] = item
    ring["offset"] = place
    ring["mask"] = mask
    totals["next_queued"] = place + mask + 1
    return True


@device
def grow_wire(state, ring):
    """Move a full wire to twice the room; return whether there was some."""
    totals = state.totals[0]
    place = totals["next_wire"]
    mask = max(2 * ring["mask"] + 1, FIRST_ROOM - 1)
    if place + mask >= len(state.wire_items):
        totals["full"] = 1
        return False
    for index in range(ring["head"], ring["tail"]):
        item = state.wire_items[ring["offset"] + (index & ring["mask"])]
        state.wire_items[place + (index & mask)] = item
    ring["offset"] = place
    ring["mask"] = mask
    totals["next_wire"] = place + mask + 1
    return True


@device
def wire_size(state, packet):
    """Return the wire bytes of a packet."""
    if packet & ACK:
        return state.totals[0]["ack_size"]
    if packet & LAST:
        return state.flows[packet >> FLOW_SHIFT]["last_size"]
    return state.totals[0]["data_size"]


@device
def start(state, p, packet, now):
    """Put a packet on the wire of port ``p``."""
    output = state.outputs[p]
    ring = state.wires[output["peer"]]
    if ring["tail"] - ring["head"] > ring["mask"] and not grow_wire(state, ring):
        return
    free = now + wire_size(state, packet) * output["per_byte"]
    output["free_at"] = free
    event = ((free + output["latency"]) << TIME_SHIFT) | ARRIVAL | output["peer"]
    item = state.wire_items[ring["offset"] + (ring["tail"] & ring["mask"])]
    item["event"] = event
    item["packet"] = packet
    idle = ring["head"] == ring["tail"]
    ring["tail"] += 1
    state.totals[0]["hops"] += 1
    if idle:
        heap.push(state, event)


@device
def arm(state, output, p):
    """Put the next departure of a port into the heap."""
    output["armed"] = 1
    heap.push(state, (output["free_at"] << TIME_SHIFT) | p)


@device
def enqueue(state, p, packet, now):
    """Give a packet to port ``p``: to its wire if that is free, else to a queue."""
    output = state.outputs[p]
    if output["armed"] == 0 and output["free_at"] <= now:
        start(state, p, packet, now)
        return
    ring = state.backlogs[2 * p + (CONTROL if packet & ACK else DATA)]
    if ring["tail"] - ring["head"] > ring["mask"] and not grow_queue(state, ring):
        return
    state.queue_items[ring["offset"] + (ring["tail"] & ring["mask"])] = packet
    ring["tail"] += 1
    if output["armed"] == 0:
        arm(state, output, p)


@device
def dequeue(state, ring):
    """Take the head of a queue."""
    packet = state.queue_items[ring["offset"] + (ring["head"] & ring["mask"])]
    ring["head"] += 1
    return packet


@device
def join(state, source, f):
    """Put a flow at the tail of its host's FIFO."""
    state.flows[f]["next_ready"] = NONE
    if source["head"] == NONE:
        source["head"] = f
    else:
        state.flows[source["tail"]]["next_ready"] = f
    source["tail"] = f


@device
def next_packet(state, source):
    """Return the next packet of the flow whose turn it is."""
    f = source["head"]
    flow = state.flows[f]
    source["head"] = flow["next_ready"]
    psn = flow["next_psn"]
    flow["next_psn"] = psn + 1
    packet = (f << FLOW_SHIFT) | (psn << PSN_SHIFT)
    if psn + 1 == flow["packets"]:
        return packet | LAST
    join(state, source, f)
    return packet


@device
def depart(state, p, now):
    """Start the next packet of port ``p``, control first; host r has port r."""
    output = state.outputs[p]
    control = state.backlogs[2 * p + CONTROL]
    data = state.backlogs[2 * p + DATA]
    is_host = p < state.totals[0]["hosts"]
    if control["head"] < control["tail"]:
        packet = dequeue(state, control)
    elif is_host:
        packet = next_packet(state, state.sources[p])
    else:
        packet = dequeue(state, data)
    start(state, p, packet, now)
    waits = state.sources[p]["head"] != NONE if is_host else data["head"] < data["tail"]
    if waits or control["head"] < control["tail"]:
        arm(state, output, p)
    else:
        output["armed"] = 0


@device
def route(state, router, dst):
    """Return the output port towards host ``dst``."""
    if router["lo"] <= dst and dst < router["hi"]:
        group = dst - router["lo"]
        if router["div"] > 1:
            group //= router["div"]
        count = router["bundle"]
        first = router["first_port"] + group * count
    else:
        count = router["up_count"]
        first = router["first_port"] + router["up_first"]
    if count == 1:
        return first
    choice = pick(fold(router["path_seed"], router["counter"]), count)
    router["counter"] += 1
    return first + choice


@device
def receive_data(state, host, packet, now):
    """Mark a data packet as received and answer it."""
    f = packet >> FLOW_SHIFT
    psn = (packet >> PSN_SHIFT) & PSN_MASK
    flow = state.flows[f]
    base = flow["first_word"]
    state.arrived[base + (psn >> WORD)] |= 1 << (psn & LOW)
    expected = flow["expected"]
    while (state.arrived[base + (expected >> WORD)] >> (expected & LOW)) & 1:
        expected += 1
    flow["expected"] = expected
    flow["received"] += 1
    if flow["received"] == flow["packets"]:
        flow["delivered"] = now
    enqueue(state, host, (f << FLOW_SHIFT) | (expected << PSN_SHIFT) | ACK, now)


@device
def receive_ack(state, packet, now):
    """Move the sender's oldest unacknowledged packet."""
    flow = state.flows[packet >> FLOW_SHIFT]
    expected = (packet >> PSN_SHIFT) & PSN_MASK
    if expected <= flow["una"]:
        return
    flow["una"] = expected
    if expected == flow["packets"]:
        flow["acked"] = now


@device
def address(state, packet):
    """Return the host to which a packet goes."""
    flow = state.flows[packet >> FLOW_SHIFT]
    return flow["src"] if packet & ACK else flow["dst"]


@device
def arrive(state, node, packet, now):
    """Handle a packet at a device."""
    if node >= state.totals[0]["hosts"]:
        p = route(state, state.routers[node], address(state, packet))
        enqueue(state, p, packet, now)
    elif packet & ACK:
        receive_ack(state, packet, now)
    else:
        receive_data(state, node, packet, now)


@device
def take(state, q):
    """Take the packet that arrives at port ``q``; its event is the root of the heap."""
    ring = state.wires[q]
    packet = state.wire_items[ring["offset"] + (ring["head"] & ring["mask"])]["packet"]
    head = ring["head"] + 1
    ring["head"] = head
    if head == ring["tail"]:
        state.totals[0]["hole"] = 1
    else:
        after = state.wire_items[ring["offset"] + (head & ring["mask"])]["event"]
        heap.replace_root(state, after)
    return packet


@device
def same_instant(state, event, other):
    """Return whether two events are arrivals at one device at one instant."""
    if event >> PORT_BITS != other >> PORT_BITS:
        return False
    return state.owner[event & PORT_MASK] == state.owner[other & PORT_MASK]


@device
def arrive_together(state, event):
    """Handle all arrivals at one device at one instant, by their tie hashes."""
    now = event >> TIME_SHIFT
    node = state.owner[event & PORT_MASK]
    router = state.routers[node]
    batch = state.batch
    count = 0
    other = event
    while other != NONE and same_instant(state, event, other):
        q = other & PORT_MASK
        # Hash, then port: one number, for they are compared in this order.
        instant = at_instant(router["tie_seed"], now)
        order = (fold(instant, q - router["first_port"]) << PORT_BITS) | q
        packet = take(state, q)
        place = count
        while place > 0 and batch[2 * place - 2] > order:
            batch[2 * place] = batch[2 * place - 2]
            batch[2 * place + 1] = batch[2 * place - 1]
            place -= 1
        batch[2 * place] = order
        batch[2 * place + 1] = packet
        count += 1
        other = heap.first(state)
    for k in range(count):
        arrive(state, node, batch[2 * k + 1], now)
    return count


@device
def post(state, now):
    """Start the flows of every host now, one after the other."""
    for f in range(len(state.flows)):
        host = state.flows[f]["src"]
        output = state.outputs[host]
        source = state.sources[host]
        join(state, source, f)
        if output["armed"] == 0 and output["free_at"] <= now:
            start(state, host, next_packet(state, source), now)
        if output["armed"] == 0 and source["head"] != NONE:
            arm(state, output, host)


@njit(**OPTIONS)
def run(handle):
    """Run to the end."""
    state = attach(handle)
    totals = state.totals[0]
    post(state, totals["events"])
    while totals["full"] == 0:
        event = heap.first(state)
        if event == NONE:
            return
        now = event >> TIME_SHIFT
        if event & ARRIVAL == 0:
            totals["events"] += 1
            totals["hole"] = 1
            depart(state, event & PORT_MASK, now)
        elif same_instant(state, event, heap.second(state)):
            totals["events"] += arrive_together(state, event)
        else:
            totals["events"] += 1
            q = event & PORT_MASK
            packet = take(state, q)
            arrive(state, state.owner[q], packet, now)
