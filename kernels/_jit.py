"""How kernels are compiled, in one place."""

import hashlib
from pathlib import Path

import numba
from numba import njit
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering

OPTIONS = {"error_model": "numpy", "nogil": True}


@register_pass(mutates_CFG=True, analysis_only=False)
class PartLowering(NativeLowering):
    """Lower a function to LLVM and leave it at that.

    Numba optimises each function with all that it calls, and makes machine code of it, before
    its callers are compiled and do the same again: by depth of calls, several times over. Here
    the entry is optimised once, with everything in it, and nothing else is.
    """

    _name = "part_lowering"

    def run_pass(self, state):
        """Lower without optimising; put no machine code behind the function."""
        context = state.targetctx
        state.library = context.codegen().create_library(state.func_id.func_qualname)
        state.library._optimize_final_module = lambda: None
        # Numba knows overloads by their entry points: any built-in that is not another's will do.
        context.get_executable = lambda library, fndesc, env: object().__reduce__
        try:
            return super().run_pass(state)
        finally:
            del context.get_executable


class PartCompiler(CompilerBase):
    """Numba's pipeline with ``PartLowering``."""

    def define_pipelines(self):
        """Return the one pipeline."""
        manager = DefaultPassBuilder.define_nopython_pipeline(self.state)
        manager.passes = [
            (PartLowering, text) if step is NativeLowering else (step, text)
            for step, text in manager.passes
        ]
        manager.finalize()
        return [manager]


# A function that can be called from Python is needed to see where bounds are broken.
PART = {} if numba.config.BOUNDSCHECK else {"pipeline_class": PartCompiler}
INSIDE = {"_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True} | PART | OPTIONS

#: Compile a function that other kernels call; it becomes part of each entry. Nothing in it
#: allocates, so it needs neither reference counts nor a way in from Python.
device = njit(**INSIDE)

#: The same, and put in place of every call: for what most events pass through.
inlined = njit(forceinline=True, **INSIDE)


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
