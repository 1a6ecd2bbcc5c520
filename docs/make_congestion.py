"""Draw the pictures of ``congestion.md`` and print its table.

Run it from a checkout, with matplotlib: ``python -m docs.make_congestion``; with ``--small`` it
makes runs of a tenth of the time, into a folder given as ``--folder``.
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from tests.bottleneck import (
    AT_40G,
    COMMON,
    MS,
    PAUSED,
    US,
    VICTIM,
    Case,
    Run,
    case,
    incast,
    incast_and_victim,
    jain,
    run,
    star,
    step,
)

SETS = ("tuned", "paper", "connectx", "hpcc-ns3", "simai")
RC = ("none", "dctcp", "swift", "hpcc")
UEC = ("nscc", "constant", "rccc", "nscc+rccc")
COLOURS = ("#0b6e4f", "#c8553d")
ONE_SPINE = ("clos.hosts_per_leaf=8", "clos.spines=1", "clos.uplink_rate=3200Gbps")
SPRAY = (
    *("clos.hosts_per_leaf=8", "clos.spines=8"),
    *("clos.choice=spray", "transport.receiver=any-order"),
)
VICTIMS = {
    "PFC alone": (ONE_SPINE, "none"),
    "PFC and spray": (SPRAY, "none"),
    "DCQCN, marks above XOFF": (ONE_SPINE, "hpcc-ns3"),
    "DCQCN tuned": (ONE_SPINE, "tuned"),
    "DCTCP": (ONE_SPINE, "dctcp"),
    "HPCC": (ONE_SPINE, "hpcc"),
}


def control(name: str) -> tuple[str, ...]:
    """Return the overrides for a control, or for a set of DCQCN."""
    if name in SETS:
        return "congestion.control=dcqcn", f"congestion.dcqcn.set={name}"
    return (f"congestion.control={name}",)


def on_one_switch(name: str, hosts: int) -> Case:
    """Return hosts on one switch with a control; ``paper`` at the paper's 40 Gb/s."""
    if name in UEC:
        return case("clos-uec", hosts, *COMMON, "transport.balance=none", *control(name))
    slow = AT_40G if name == "paper" else ()
    return star(hosts, *slow, *control(name))


def duration(name: str) -> int:
    """Return the ps after which a control has settled, twice."""
    return 60 * MS if name in SETS else 5 * MS


def row(name: str, senders: int, found: Run, end: int) -> str:
    """Return a row of the table: the second half of an incast."""
    shares = found.goodput(range(1, senders + 1), end // 2, end)
    queue = found.queue_bytes(np.arange(end // 2, end, end // 600)) / 1e3
    p95, peak = np.quantile(queue, 0.95), found.outcome.link_peak_bytes.max() / 1e6
    return (
        f"| {name} | {senders} | {shares.sum():.3f} | {jain(shares):.3f} | {queue.mean():.1f}"
        f" | {p95:.1f} | {queue.max():.1f} | {peak:.2f} |"
    )


def print_table(part: int) -> None:
    """Print goodput, fairness and queue of 2, 8 and 32 senders; kB, the last column MB."""
    for name in (*SETS, *RC, *UEC):
        for senders in (2, 8) if name == "constant" else (2, 8, 32):
            end = duration(name) // part
            packets = 8 if name in SETS else 1
            spare = 3 if name == "connectx" else 1.25  # its shares differ most
            found = incast(on_one_switch(name, senders + 1), senders, end, packets, spare)
            print(row(name, senders, found, end), flush=True)


def draw_steps(part: int) -> Figure:
    """Return goodput of a flow that another one joins for half of the time."""
    names = [name for name in (*SETS, *RC, *UEC) if name != "none"]
    figure, axes = plt.subplots(3, 4, figsize=(13, 7), sharey=True, layout="constrained")
    for name, axis in zip(names, axes.flat, strict=True):
        end = (20 * MS if name in SETS else 2 * MS) // part
        found = step(on_one_switch(name, 3), end // 4, 3 * end // 4, end, 4 if part == 1 else 1)
        edges = np.arange(0, end, end // 60)
        for flow, colour in ((1, COLOURS[0]), (2, COLOURS[1])):
            shares = [found.goodput([flow], at, at + end // 60)[0] for at in edges]
            axis.plot(edges / MS, shares, color=colour, lw=1.2, drawstyle="steps-post")
        axis.set_title(f"dcqcn {name}" if name in SETS else name, fontsize=10)
    for axis in axes[-1]:
        axis.set_xlabel("ms")
    figure.supylabel("goodput, share of the link")
    return figure


def draw_queues(part: int) -> Figure:
    """Return the queue of eight senders over time."""
    figure, axes = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
    for axis, names, end in (
        (axes[0], SETS, 20 * MS),
        (axes[1], (*RC[1:], "nscc", "rccc"), 2 * MS),
    ):
        for name in names:
            found = incast(on_one_switch(name, 9), 8, end // part)
            times = np.arange(20 * US, end // part, end // part // 1000)
            queue = found.queue_bytes(times) / 1e3
            label = f"dcqcn {name}, 40G" if name == "paper" else name
            axis.plot(times / MS, np.maximum(queue, 1), lw=0.9, label=label)
        axis.set_yscale("log")
        axis.set_xlabel("ms")
        axis.set_ylabel("queue of eight senders, kB")
        axis.set_ylim(1, 1e5)
        axis.legend(fontsize=8, ncols=3, loc="upper right")
    return figure


def draw_victims(part: int) -> Figure:
    """Return the goodput of a flow that shares no congested link with an incast."""
    figure, axis = plt.subplots(figsize=(8, 3.6), layout="constrained")
    end = 10 * MS // part
    for name, (wiring, choice) in VICTIMS.items():
        network = case("clos-ecmp", 16, *COMMON, *PAUSED, *wiring, *control(choice))
        found = run(network, incast_and_victim(end, 8))
        edges = np.arange(0, end, end // 40)
        shares = [found.goodput([VICTIM], at, at + end // 40)[0] for at in edges]
        axis.plot(edges / MS, shares, lw=1.2, label=name)
    axis.set_xlabel("ms")
    axis.set_ylabel("goodput of the victim")
    axis.legend(fontsize=8)
    return figure


def main() -> None:
    """Print the table and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of the time, no table")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "fabricemu", "svg.fonttype": "none", "font.size": 9})
    part = 10 if options.small else 1
    if not options.small:
        print_table(part)
    drawings = {"steps": draw_steps, "queues": draw_queues, "victims": draw_victims}
    for name, draw in drawings.items():
        path = options.folder / f"congestion_{name}.svg"
        draw(part).savefig(path, metadata={"Date": None})
        print(path)


if __name__ == "__main__":
    main()
