"""Paths chosen by the NIC: how the entropy of each data packet is found (section 9)."""

from fabricemu.fabrics.transport import Balance as Kind
from fabricemu.fabrics.transport import Transport
from tests.reference.balance.balance import Balance, Draws
from tests.reference.balance.bitmap import Bitmap
from tests.reference.balance.mixed import Mixed
from tests.reference.balance.oblivious import Oblivious
from tests.reference.balance.reps import Reps
from tests.reference.hashing import queue_pair_seed

__all__ = ["Balance", "balance"]


def balance(transport: Transport, seed: int, number: int) -> Balance:
    """Return the chooser of queue pair ``number`` in a run with ``seed``."""
    draws = Draws(queue_pair_seed(seed, number))
    match transport.balance:
        case Kind.OBLIVIOUS:
            return Oblivious(draws, transport.entropies)
        case Kind.BITMAP:
            return Bitmap(draws, transport.entropies)
        case Kind.REPS:
            return Reps(draws, transport.entropies)
        case Kind.MIXED:
            return Mixed(draws, transport.entropies, transport.reorder_packets)
        case _:
            return Balance()
