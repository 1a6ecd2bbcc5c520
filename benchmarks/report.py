"""The figures as a table for people."""

from typing import Any

from fabricemu.cli.text import table

LARGE_HEAD = (
    *("case", "links", "simulated us", "build s", "wall s"),
    *("hops", "M hops/s", "peak RSS MB"),
)
HEAD = ("case", "hops", "runs", "wall s", "min", "max", "M hops/s", "peak RSS MB")


def as_text(found: dict[str, Any]) -> str:
    """Return all figures as text."""
    rows = [cells_of(figures) for figures in found["cases"]]
    faster = found["clos_faster_than_classic"]
    compile_s = found["compile_s"]
    kept = ", from the cache" if compile_s["engine_from_cache"] else ""
    lines = [
        *machine_lines(found),
        f"{found['hosts']} hosts, {found['trace']}",
        "",
        table(HEAD, rows),
        "",
        f"clos over classic: {faster['median']:.2f} times as fast"
        f" ({faster['min']:.2f} to {faster['max']:.2f}), same times of all messages",
        *(
            f"a packet of 4 KB in {name}: {cost['median']:.2f} times the time of one in clos"
            f" ({cost['min']:.2f} to {cost['max']:.2f})"
            for name, cost in found["packet_cost_over_clos"].items()
        ),
        f"compile: engine {compile_s['engine']:.1f} s{kept}, classic {compile_s['classic']:.1f} s",
        *memory_lines(found),
        *found["notes"],
    ]
    return "\n".join(lines)


def large_text(found: dict[str, Any]) -> str:
    """Return the figures of the largest fabrics as text."""
    rows = [
        [
            figures["case"],
            f"{figures['links']:,}",
            f"{figures['simulated_ps'] / 1e6:g}",
            *(f"{figures[name]:.1f}" for name in ("build_s", "wall_s")),
            f"{figures['packet_hops'] + figures['cell_hops']:,}",
            f"{figures['hops_per_s'] / 1e6:.2f}",
            megabytes(figures["peak_rss_bytes"]),
        ]
        for figures in found["cases"]
    ]
    traces = [f"{figures['case']}: {figures['trace']}" for figures in found["cases"]]
    return "\n".join([*machine_lines(found), "", table(LARGE_HEAD, rows), "", *traces])


def machine_lines(found: dict[str, Any]) -> list[str]:
    """Return where the figures come from."""
    machine = found["machine"]
    versions = ", ".join(f"{name} {value}" for name, value in found["versions"].items())
    before, after = machine["load_average"][0], machine["load_average_after"][0]
    return [
        f"{found['date']}  {machine['cpu']}, {machine['cores']} cores, {machine['system']}",
        f"load average {before} before, {after} after (this run included)",
        versions,
    ]


def memory_lines(found: dict[str, Any]) -> list[str]:
    """Return what a fresh process holds before a run."""
    return [
        f"memory of {name}: {megabytes(memory['peak_bytes'])} MB, of which"
        f" {megabytes(memory['before_bytes'])} MB before the run (Python, numba, kernels)"
        for name, memory in found["memory"].items()
    ]


def megabytes(size: int | None) -> str:
    """Return bytes as MB, ``-`` for None."""
    return "-" if size is None else f"{size / 1e6:.0f}"


def cells_of(figures: dict[str, Any]) -> list[str]:
    """Return a case as a row of the table."""
    wall = figures["wall_s"]
    return [
        figures["case"],
        f"{figures['packet_hops'] + figures['cell_hops']:,}",
        str(figures["runs"]),
        *(f"{wall[name]:.3f}" for name in ("median", "min", "max")),
        f"{figures['hops_per_s'] / 1e6:.2f}",
        megabytes(figures["peak_rss_bytes"]),
    ]
