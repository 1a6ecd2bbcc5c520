"""The rules that the source tree keeps, checked."""

import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "fabricemu").rglob("*.py"))
KERNELS = sorted((ROOT / "kernels").rglob("*.py"))
LONGEST_FILE = 500

# Each may import from those before it, from itself, and from nothing else of ours. Kernels
# know nothing of the package; only the engine runs them.
LAYERS = [
    {"__init__", "errors"},
    {"spec"},
    {"fabrics", "workloads"},
    {"results"},
    {"engine"},
    {"analysis"},
    {"replay"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def name_of(path):
    """Return the part of the package that a file belongs to."""
    return path.relative_to(ROOT / "fabricemu").with_suffix("").parts[0]


def imported(path):
    """Yield the dotted name of each fabricemu module that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "fabricemu")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            if node.module == "fabricemu":
                yield from (f"fabricemu.{alias.name}" for alias in node.names)
            elif (node.module or "").startswith("fabricemu."):
                yield node.module


def parts(path):
    """Yield the part of the package of each import."""
    for name in imported(path):
        part = name.split(".")[1] if "." in name else "__init__"
        yield "__init__" if part == "__version__" else part


def label(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_imports_point_down(path):
    own = name_of(path)
    for part in parts(path):
        if part == "kernels":
            assert RANK[own] >= RANK["engine"], "only the engine and above use kernels"
        else:
            assert part == own or RANK[part] < RANK[own], f"{own} imports {part}"


@pytest.mark.parametrize("path", KERNELS, ids=label)
def test_kernels_import_only_kernels(path):
    assert {part for part in parts(path) if part != "kernels"} == set()


@pytest.mark.parametrize("path", MODULES + KERNELS, ids=label)
def test_no_file_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", MODULES + KERNELS, ids=label)
def test_every_file_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


def test_every_package_is_shipped():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    inits = [*ROOT.glob("fabricemu/**/__init__.py"), *ROOT.glob("kernels/**/__init__.py")]
    found = {".".join(init.parent.relative_to(ROOT).parts) for init in inits}
    found = {name.replace("kernels", "fabricemu.kernels", 1) for name in found}
    assert set(config["options"]["packages"].split()) == found
