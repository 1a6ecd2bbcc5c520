"""What a command of uet-htsim asks for, as a preset and overrides (docs/presets.md)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fabricemu.errors import TraceError, nearest

HEADER_BYTES = 64  # its packets count their header, ours do not
BALANCERS = ("oblivious", "bitmap", "reps", "mixed")
STRATEGIES = {
    "ecmp_ar": ("clos.choice=adaptive", "clos.bands=[0.05,0.1,0.2]", "clos.refresh=100ns"),
    "ecmp_rr": ("clos.choice=round-robin",),
}
Flow = tuple[int, int, int]

# Options without a value, and the preset that they choose. Which messages share a queue pair
# the matrix says.
FLAGS = {"-sender_cc_only": "uet-nscc", "-receiver_cc_only": "uet-rccc", "-conn_reuse": ""}


@dataclass(frozen=True)
class Job:
    """What is run: a fabric, and a connection matrix or flows.

    Attributes
    ----------
    preset : str
    overrides : tuple of str
        ``key.path=value`` each.
    matrix : str
        Name of the file, without its folder; empty if there is none.
    flows : tuple of (int, int, int)
        Else source, destination and bytes; all start at 0.
    hosts : int
        Of the fabric, with ``flows``.
    """

    preset: str
    overrides: tuple[str, ...]
    matrix: str
    flows: tuple[Flow, ...] = ()
    hosts: int = 0


def parse(command: str) -> Job:
    """Return what ``command`` runs.

    Raises
    ------
    TraceError
        An option is unknown, lacks its value, or has one that is not understood.
    """
    words = iter(command.split()[1:])
    preset, matrix, overrides = "uet-nscc", "", []
    for option in words:
        if option in FLAGS:
            preset = FLAGS[option] or preset
        elif option == "-tm":
            matrix = _value(words, option).rpartition("/")[2]
        elif option in OPTIONS:
            overrides += OPTIONS[option](_value(words, option))
        else:
            known = [*FLAGS, "-tm", *OPTIONS]
            raise TraceError(f"option {option!r} of uet-htsim: {nearest(option, known)}")
    return Job(preset, tuple(overrides), matrix)


def _value(words: Iterator[str], option: str) -> str:
    value = next(words, "")
    if not value:
        raise TraceError(f"option {option} of uet-htsim: expected a value, got the end")
    return value


def _balance(name: str) -> list[str]:
    if name not in BALANCERS:
        raise TraceError(f"-load_balancing_algo {name}: {nearest(name, BALANCERS)}")
    return [f"transport.balance={name}"]


def _strategy(name: str) -> list[str]:
    if name not in STRATEGIES:
        raise TraceError(f"-strat {name}: {nearest(name, STRATEGIES)}")
    return ["transport.balance=none", *STRATEGIES[name]]


def _control(name: str) -> list[str]:
    if name != "constant":
        raise TraceError(f"-sender_cc_algo {name}: expected constant")
    return ["congestion.control=constant"]


def _packet(size: str) -> list[str]:
    if not size.isdecimal() or int(size) <= HEADER_BYTES:
        raise TraceError(f"-mtu {size}: expected more bytes than the header's {HEADER_BYTES}")
    return [f"transport.mtu={int(size) - HEADER_BYTES}"]


def _as(*forms: str) -> Callable[[str], list[str]]:
    """Return a reader of an option that is no more than a value."""
    return lambda value: [form.format(value) for form in forms]


OPTIONS: dict[str, Callable[[str], list[str]]] = {
    "-end": _as(),  # a run here goes on to its end
    "-paths": _as("transport.entropies={}"),
    "-load_balancing_algo": _balance,
    "-sack_threshold": _as("transport.ack_every={}B"),
    "-q": _as('clos.queue="{} packets"'),
    "-strat": _strategy,
    "-sender_cc_algo": _control,
    "-failed": _as("clos.failed_links={}"),
    "-mtu": _packet,
    "-linkspeed": _as("host.port_rate={}Mbps"),
    "-hop_latency": _as("links.host_latency={}us", "links.fabric_latency={}us"),
}
