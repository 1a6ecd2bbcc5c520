"""Rate control indication: the level of congestion that cells bring (docs/ddc.md 14.5).

A leaf keeps the largest level of the period that lies before the present one, and of the
present one.
"""

from fabricemu.kernels._jit import device


@device
def move_on(state, leaf, now):
    """Forget the levels of periods that are over."""
    period = now // state.config[0]["rci_period"]
    passed = period - leaf["period"]
    if passed > 0:
        leaf["level_before"] = leaf["level"] if passed == 1 else 0
        leaf["level"] = 0
        leaf["period"] = period


@device
def note(state, leaf, level, now):
    """Take the level of a cell that has come."""
    if level > 0:
        move_on(state, leaf, now)
        leaf["level"] = max(leaf["level"], level)


@device
def level(state, leaf, now):
    """Return the level of a leaf."""
    if state.config[0]["rci_levels"] == 0:
        return 0
    move_on(state, leaf, now)
    return max(leaf["level"], leaf["level_before"])
