"""Numbers and tables as people read them."""

from collections.abc import Sequence

UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
PREFIXES = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def duration(seconds: float | None) -> str:
    """Return a time with four digits and a unit."""
    if seconds is None:
        return "-"
    if not seconds:
        return "0 s"
    for scale, unit in UNITS:
        if abs(seconds) >= scale:
            return f"{seconds / scale:.4g} {unit}"
    return f"{seconds * 1e12:.4g} ps"


def amount(value: float | None, unit: str) -> str:
    """Return a number with four digits, a decimal prefix and a unit."""
    if value is None:
        return "-"
    for scale, prefix in PREFIXES:
        if abs(value) >= scale:
            return f"{value / scale:.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"


def percent(value: float | None) -> str:
    """Return a signed number of per cent."""
    return "-" if value is None else f"{value:+.1f} %"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under a head: the first column to the left, the others to the right."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def outline(value: object, indent: str = "") -> list[str]:
    """Return nested dicts and lists as indented lines ``name: value``."""
    if isinstance(value, dict):
        lines = []
        for name, item in value.items():
            nested = isinstance(item, dict | list) and item
            text = "" if nested else f" {'-' if item in (None, [], {}) else item}"
            lines.append(f"{indent}{str(name).replace('_', ' ')}:{text}")
            lines += outline(item, indent + "  ") if nested else []
        return lines
    if isinstance(value, list):
        return [f"{indent}{_inline(item)}" for item in value]
    return [f"{indent}{value}"]


def _inline(item: object) -> str:
    if isinstance(item, dict):
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in item.items())
    return str(item)
