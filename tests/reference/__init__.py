"""A second simulator of the same model, written for reading, not for speed.

It was written from ``docs/model.md``, ``docs/ethernet.md`` and ``docs/ddc.md`` alone.
"""

from tests.reference.deadlock import DeadlockError
from tests.reference.result import Message, ReferenceResult
from tests.reference.simulator import simulate
from tests.reference.switch_port import LosslessDropError

__all__ = ["DeadlockError", "LosslessDropError", "Message", "ReferenceResult", "simulate"]
