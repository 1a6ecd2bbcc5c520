"""How many elements and lanes a cell fabric has: all counting, no wiring (section 16).

One stage of elements where they reach all leaves, else pods with elements of their own and, in
planes above, elements that join the pods.
"""

from dataclasses import dataclass, replace

from fabricemu.errors import ConfigError
from fabricemu.spec.ddc import DdcParams


@dataclass(frozen=True)
class DdcShape:
    """The counts of a cell fabric.

    Attributes
    ----------
    leaves, pod_leaves, pods : int
        In all, of a full pod, and pods, of which the last may be part full; 1 with one stage.
    lanes_per_element, elements : int
        Lanes of a leaf to each element of its pod, and these elements.
    up_lanes : int
        Of an element of a pod; 0 with one stage.
    planes, strands : int
        Planes of elements above, and lanes of an element of a pod to each of those of its plane.
    """

    leaves: int
    pod_leaves: int
    pods: int
    lanes_per_element: int
    elements: int
    up_lanes: int = 0
    planes: int = 1
    strands: int = 1

    @property
    def lanes(self) -> int:
        """Lanes of a leaf."""
        return self.elements * self.lanes_per_element

    @property
    def stages(self) -> int:
        """Stages of elements."""
        return 2 if self.up_lanes else 1

    @property
    def plane_elements(self) -> int:
        """Elements of each pod that belong to one plane."""
        return self.elements // self.planes

    @property
    def spines(self) -> int:
        """Elements above the pods."""
        return self.planes * (self.up_lanes // self.strands)


def ddc_shape(ddc: DdcParams, leaves: int) -> DdcShape:
    """Return the counts for a number of leaves; what is ``auto`` is one stage if it reaches all.

    Raises
    ------
    ConfigError
        If an element would need more lanes than it has, or something does not divide.
    """
    shape = _exact(ddc, leaves)
    found = _grouped(shape, ddc.lane_group)
    if found is None:
        valid = [k for k in range(1, shape.lanes + 1) if _grouped(shape, k) is not None]
        near = min(valid, key=lambda k: abs(k - ddc.lane_group))
        raise ConfigError(
            f"ddc.lane_group: {ddc.lane_group} with {shape.lanes} lanes of a leaf,"
            f" {shape.lanes_per_element} to an element; expected to divide lanes, elements and"
            f" planes evenly; the nearest valid choice is {near}"
        )
    return found


def _grouped(shape: DdcShape, size: int) -> DdcShape | None:
    """Return the counts where ``size`` lanes are one, or None if something does not divide.

    Where a leaf has fewer lanes to an element, elements become one as well.
    """
    strands = min(size, shape.lanes_per_element)
    merged = size // strands
    if shape.lanes_per_element % strands or size % strands or shape.elements % merged:
        return None
    fewer = replace(
        shape,
        lanes_per_element=shape.lanes_per_element // strands,
        elements=shape.elements // merged,
        up_lanes=shape.up_lanes // strands,
        strands=max(1, shape.strands // strands),
    )
    divides = shape.up_lanes % strands == shape.plane_elements % merged == 0
    above = shape.strands % strands == 0 or strands % shape.strands == 0
    return fewer if shape.stages == 1 or (divides and above) else None


def _exact(ddc: DdcParams, leaves: int) -> DdcShape:
    """Return the counts with every lane by itself."""
    if _one_stage(ddc, leaves):
        per_element = _lanes_per_element(ddc, leaves, ddc.element_lanes)
        return DdcShape(leaves, leaves, 1, per_element, ddc.lanes // per_element)
    return _two_stages(ddc, leaves)


def _one_stage(ddc: DdcParams, leaves: int) -> bool:
    if isinstance(ddc.pod_leaves, int):
        return leaves <= ddc.pod_leaves
    least = 1 if isinstance(ddc.lanes_per_element, str) else ddc.lanes_per_element
    return leaves * least <= ddc.element_lanes


def _lanes_per_element(ddc: DdcParams, leaves: int, lanes_down: int) -> int:
    """Return the lanes of a leaf to one element with ``lanes_down`` for so many leaves."""
    wanted = ddc.lanes_per_element
    if isinstance(wanted, str):
        most = min(ddc.lanes & -ddc.lanes, lanes_down // leaves)
        wanted = 1 << max(0, most.bit_length() - 1)
    if leaves * wanted > lanes_down:
        most = lanes_down // wanted
        key = "pod_leaves" if isinstance(ddc.pod_leaves, int) else "lanes_per_element"
        value = leaves if key == "pod_leaves" else wanted
        raise ConfigError(
            f"ddc.{key}: {value} with {leaves} leaves of {wanted} lanes to an element; its"
            f" {lanes_down} lanes down reach at most {most} leaves, that is"
            f" {most * ddc.leaf_ports} NIC ports"
        )
    return wanted


def _two_stages(ddc: DdcParams, leaves: int) -> DdcShape:
    pod_leaves, per_element, up_lanes = _pod(ddc)
    pods = -(-leaves // pod_leaves)
    if pods > ddc.element_lanes:
        most = ddc.element_lanes * pod_leaves
        raise ConfigError(
            f"ddc.pod_leaves: {pod_leaves} leaves make {pods} pods; an element of"
            f" {ddc.element_lanes} lanes joins as many, at most {most} leaves, that is"
            f" {most * ddc.leaf_ports} NIC ports"
        )
    elements = ddc.lanes // per_element
    planes = _planes(ddc, elements, pods)
    most = ddc.element_lanes // (pods * (elements // planes))
    strands = max(n for n in range(1, min(most, up_lanes) + 1) if up_lanes % n == 0)
    return DdcShape(leaves, pod_leaves, pods, per_element, elements, up_lanes, planes, strands)


def _pod(ddc: DdcParams) -> tuple[int, int, int]:
    """Return leaves of a pod, lanes of a leaf to each of its elements, and their lanes up."""
    up_lanes = ddc.up_lanes
    down = ddc.element_lanes // 2 if isinstance(up_lanes, str) else ddc.element_lanes - up_lanes
    if down < 1:
        raise ConfigError(
            f"ddc.up_lanes: {up_lanes} of an element's {ddc.element_lanes} lanes; the nearest"
            f" valid choice is {ddc.element_lanes - 1}"
        )
    if isinstance(ddc.pod_leaves, int):
        per_element = _lanes_per_element(ddc, ddc.pod_leaves, down)
        pod_leaves = ddc.pod_leaves
    else:
        per_element = 1 if isinstance(ddc.lanes_per_element, str) else ddc.lanes_per_element
        pod_leaves = max(1, down // per_element)
        _lanes_per_element(ddc, pod_leaves, down)
    as_down = pod_leaves * per_element
    return pod_leaves, per_element, as_down if isinstance(up_lanes, str) else up_lanes


def _planes(ddc: DdcParams, elements: int, pods: int) -> int:
    """Return the planes: the fewest whose elements have the lanes for all pods."""
    valid = [
        planes
        for planes in range(1, elements + 1)
        if elements % planes == 0 and pods * (elements // planes) <= ddc.element_lanes
    ]
    wanted = ddc.planes
    if isinstance(wanted, str):
        return valid[0]
    if wanted not in valid:
        near = min(valid, key=lambda planes: abs(planes - wanted))
        raise ConfigError(
            f"ddc.planes: {wanted} for {elements} elements in each of {pods} pods; expected a"
            f" divisor, and elements above of at most {ddc.element_lanes} lanes; the nearest valid"
            f" choice is {near}"
        )
    return wanted
