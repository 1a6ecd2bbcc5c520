"""What all tables of a specification share."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

NS = 1000
GBPS = 10**9
MAX_FRAME = 65535
MAX_TIME = 10**12  # one second

Spec = TypeVar("Spec")


class Table(BaseModel):
    """A table of a fabric file: strict types, no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def accept(spec: Spec, problems: list[str]) -> Spec:
    """Return ``spec`` if nothing is wrong with it, else raise one line for each problem."""
    if problems:
        raise ValueError("\n".join(problems))
    return spec
