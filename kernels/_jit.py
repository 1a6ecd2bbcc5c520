"""How kernels are compiled, in one place."""

import hashlib
from pathlib import Path

import numba
from numba import njit

OPTIONS = {"error_model": "numpy", "nogil": True}

#: Compile a function that other kernels call; it becomes part of each entry. Nothing in it
#: allocates, so it needs neither reference counts nor a way in from Python.
device = njit(_nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)

#: The same, and put in place of every call: for what most events pass through.
inlined = njit(
    _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, **OPTIONS
)


def entry(func):
    """Compile ``func``, which Python calls, for several threads; keep the result on disk."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = CACHE_DIR
    try:
        return njit(cache=True, parallel=True, **OPTIONS)(func)
    finally:
        numba.config.CACHE_DIR = before


def _cache_dir():
    """Return a folder for this exact state of the kernel sources.

    Numba renews a cached function when the file that holds it changes, but not when a
    file that it calls into does, nor when bounds checking is switched, so the name is a
    digest of all of these.
    """
    digest = hashlib.sha256(repr(numba.config.BOUNDSCHECK).encode())
    for source in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(source.read_bytes())
    base = numba.config.CACHE_DIR or Path.home() / ".cache" / "fabricemu"
    return str(Path(base) / digest.hexdigest()[:16])


CACHE_DIR = _cache_dir()
