"""Take groups, datasets and attributes from an HDF5 file that may have been made to harm.

Any other link than a hard one can lead out of the file, and so can external and virtual
storage; filters other than ours may load code; a small file can claim to hold terabytes.
"""

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 1 << 34
MAX_RATIO = 2000  # gzip reaches 1030; more is no honest compression
MAX_LABELS = 1 << 24
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def member(group: h5py.Group, name: str, kind: type) -> Any:
    """Return the member of a group if it is of that kind and in the file itself."""
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{group.name}/{name} is a link")
    found = group[name]
    if not isinstance(found, kind):
        raise ValueError(f"{found.name} is not a {kind.__name__.lower()}")
    return found


def numbers(group: h5py.Group, name: str) -> NDArray[Any]:
    """Return a dataset of one or two dimensions of integers or floats."""
    dataset = _checked(group, name)
    if dataset.dtype.kind not in "if" or dataset.dtype.itemsize > 8:
        raise ValueError(f"{dataset.name} has type {dataset.dtype}")
    return np.asarray(dataset[()])


def strings(group: h5py.Group, name: str) -> list[str]:
    """Return a dataset of names."""
    dataset = _checked(group, name)
    if h5py.check_string_dtype(dataset.dtype) is None or dataset.size > MAX_LABELS:
        raise ValueError(f"{dataset.name} is not a list of names")
    return [str(text) for text in dataset.asstr()[()]]


def attributes(group: h5py.Group) -> dict[str, str | int | float]:
    """Return the attributes that are texts or single numbers."""
    found: dict[str, str | int | float] = {}
    for name in group.attrs:
        value = group.attrs[name]
        if isinstance(value, str):
            found[name] = value
        elif isinstance(value, np.integer | np.floating):
            found[name] = value.item()
    return found


def _checked(group: h5py.Group, name: str) -> h5py.Dataset:
    dataset = member(group, name, h5py.Dataset)
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{dataset.name} is kept outside the file")
    if dataset.ndim not in (1, 2):
        raise ValueError(f"{dataset.name} has {dataset.ndim} dimensions")
    plist = dataset.id.get_create_plist()
    if not {plist.get_filter(i)[0] for i in range(plist.get_nfilters())} <= FILTERS:
        raise ValueError(f"{dataset.name} uses an unknown filter")
    size = dataset.size * dataset.dtype.itemsize
    if size > MAX_BYTES or size > MAX_RATIO * max(dataset.id.get_storage_size(), 4096):
        raise ValueError(f"{dataset.name} claims to hold {size} bytes")
    return dataset
