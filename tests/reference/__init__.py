"""A second simulator of the same model, written from ``docs/model.md`` for reading, not speed."""

from tests.reference.result import Message, ReferenceResult
from tests.reference.simulator import DeadlockError, simulate

__all__ = ["DeadlockError", "Message", "ReferenceResult", "simulate"]
