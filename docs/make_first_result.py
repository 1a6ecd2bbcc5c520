"""Draw ``first_result.svg``: six fabrics on four traces, and where the tails come from.

Run it from a checkout: ``python docs/make_first_result.py``. It replays the traces into a
temporary folder; nothing but fabricemu itself is needed.
"""

import tempfile
from html import escape
from pathlib import Path

import numpy as np

from fabricemu.replay import read_trace, replay
from fabricemu.results.reader import Result
from fabricemu.spec.presets import load_fabric

COLOURS = {
    "ddc": "#0b6e4f",
    "clos-ecmp": "#c8553d",
    "clos-flowlet": "#e0a030",
    "clos-adaptive": "#3d6fb6",
    "clos-spray": "#8cb4e0",
    "clos-uec": "#7a4fa3",
}
TRACES = {
    "permutation, 2 MiB": "gen:permutation?ranks=256&bytes=2MiB",
    "all-to-all, 64 KiB": "gen:all-to-all?ranks=256&bytes=64KiB",
    "ring all-reduce, 64 MB": "gen:all-reduce?ranks=256&bytes=64MB",
    "incast, 1 MiB": "gen:incast?ranks=256&bytes=1MiB",
}
WIDTH, HEIGHT = 1060, 400
TOP, BOTTOM = 90, 330
BARS = (30, 610)
CURVES = (690, 1030)
HIGHEST = 4.0  # bars above are cut


def text(x: float, y: float, words: str, anchor: str = "middle", more: str = "") -> str:
    """Return a line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(words)}</text>'


def line(x0: float, y0: float, x1: float, y1: float) -> str:
    """Return a thin grey line."""
    return (
        f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"'
        ' stroke="#999" stroke-width="0.7"/>'
    )


def height(share: float) -> float:
    """Return the y of a share of the drawing's height."""
    return BOTTOM - share * (BOTTOM - TOP)


def bars(over_bound: dict[str, dict[str, float]]) -> list[str]:
    """Return completion time over bound, a group of bars for each trace."""
    left, right = BARS
    group_width = (right - left) / len(over_bound)
    width = group_width / (len(COLOURS) + 1)
    title = f"job completion time / physical bound, cut at {HIGHEST:g}"
    found = [text((left + right) / 2, TOP - 22, title)]
    for k, (trace, group) in enumerate(over_bound.items()):
        start = left + k * group_width + width / 2
        middle = start + len(COLOURS) / 2 * width
        found.append(text(middle, BOTTOM + 18, trace.split(",")[0]))
        found.append(text(middle, BOTTOM + 33, trace.split(", ")[1]))
        for j, (fabric, value) in enumerate(group.items()):
            x, y = start + j * width, height(min(value / HIGHEST, 1))
            found.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width - 2:.1f}"'
                f' height="{BOTTOM - y:.1f}" fill="{COLOURS[fabric]}"/>'
            )
            found.append(text(x + width / 2 - 1, y - 4, f"{value:.2f}", more='font-size="9"'))
    y = height(1 / HIGHEST)
    return [*found, line(left, BOTTOM, right, BOTTOM), line(left, y, right, y)]


def curves(times_us: dict[str, np.ndarray]) -> list[str]:
    """Return the share of messages that are delivered by a time."""
    left, right = CURVES
    most = max(float(times.max()) for times in times_us.values())
    title = "permutation: share of messages delivered by a time"
    found = [text((left + right) / 2, TOP - 22, title)]
    for share in (0, 0.5, 1):
        found.append(line(left, height(share), right, height(share)))
        found.append(text(left - 6, height(share) + 4, f"{share:g}", "end"))
    for time in range(0, int(most) + 1, 50):
        x = left + time / most * (right - left)
        found.append(text(x, BOTTOM + 18, f"{time} us"))
    for fabric, times in times_us.items():
        ordered = np.sort(times)
        xs = left + ordered / most * (right - left)
        ys = height(1) + (BOTTOM - TOP) * (1 - np.arange(1, len(xs) + 1) / len(xs))
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
        points = f"{xs[0]:.1f},{BOTTOM} {points} {right},{height(1):.1f}"
        found.append(
            f'<polyline points="{points}" fill="none" stroke="{COLOURS[fabric]}"'
            ' stroke-width="1.8"/>'
        )
    return found


def legend() -> list[str]:
    """Return the names of the fabrics with their colours."""
    found = []
    for k, (fabric, colour) in enumerate(COLOURS.items()):
        x = BARS[0] + k * 130
        found.append(f'<rect x="{x}" y="20" width="12" height="12" fill="{colour}"/>')
        found.append(text(x + 18, 30, fabric, "start"))
    return found


def main() -> None:
    """Replay everything and write the picture beside this file."""
    over_bound: dict[str, dict[str, float]] = {}
    times_us = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, uri in TRACES.items():
            trace = read_trace(uri)
            over_bound[name] = {}
            for fabric in COLOURS:
                path = Path(folder) / "run.h5"
                run = replay(trace, load_fabric(fabric), path, force=True)
                over_bound[name][fabric] = run["jct_s"] / run["bound_s"]
                if uri.startswith("gen:permutation"):
                    messages = Result.open(path, ["messages"]).tables["messages"]
                    times_us[fabric] = (messages["delivered_ps"] - messages["created_ps"]) / 1e6
                print(name, fabric, f"{run['jct_s'] * 1e6:.2f} us")
    style = 'font-family="sans-serif" font-size="11" fill="#222"'
    body = [*legend(), *bars(over_bound), *curves(times_us)]
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )
    (Path(__file__).parent / "first_result.svg").write_text(svg)


if __name__ == "__main__":
    main()
