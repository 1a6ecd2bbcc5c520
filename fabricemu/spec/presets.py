"""Fabric files: presets and TOML files that extend them, overrides, and back to TOML."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fabricemu.errors import ConfigError, nearest
from fabricemu.spec import problems
from fabricemu.spec.congestion import keep_tables
from fabricemu.spec.fabric import KINDS, AnyFabric, FabricSpec

_FOLDER = Path(__file__).parent / "presets"
_MAX_FILE_BYTES = 1_000_000  # a specification has a hundred lines


def preset_names() -> list[str]:
    """Return the names of all presets, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_fabric(name_or_path: str | Path, overrides: Sequence[str] = ()) -> FabricSpec:
    """Return the fabric of a preset or a TOML file.

    Parameters
    ----------
    name_or_path : str or Path
        A preset, or a file; a file may say ``extends = "preset or file"``.
    overrides : sequence of str
        ``key.path=value`` each, applied last, in order.

    Raises
    ------
    ConfigError
        With one line for each mistake.
    """
    source = str(name_or_path)
    data = _read(_locate(source, Path()), ())
    for text in overrides:
        _check_override(data, text)
    return _validate(_lay(data, _overrides(overrides)), source)


def check_key(override: str, known: Sequence[str]) -> None:
    """Raise ``ConfigError`` for an override without a value, or of a key that is not known."""
    key, equals, _ = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"--set {override}: expected key.path=value, as transport.mtu=1024")
    if key not in known:
        raise ConfigError(f"--set {override}: unknown key {key!r}; {problems.hint(key, known)}")


def resolved_toml(spec: FabricSpec) -> str:
    """Return a specification with all defaults written out; loading it gives ``spec`` again."""
    return _toml(spec.model_dump(mode="json", by_alias=True), "")


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a fabric file."""
    return TypeAdapter[FabricSpec](AnyFabric).json_schema()


def _locate(name: str, folder: Path) -> Path:
    """Return the file of a preset, or of a path relative to ``folder``."""
    preset = _FOLDER / f"{name}.toml"
    if name in preset_names():
        return preset
    path = folder / name
    if path.is_file():
        return path
    choices = preset_names()
    raise ConfigError(f"fabric {name!r}: no such preset or file; {nearest(name, choices)}")


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    """Return the content of a file laid over what it extends."""
    if path.resolve() in seen:
        raise ConfigError(f"{path}: extends: the files extend each other in a circle")
    data = _parse(path)
    base_name = data.pop("extends", None)
    data.setdefault("name", path.stem)
    _anchor(data, path.parent)
    if base_name is None:
        return data
    if not isinstance(base_name, str):
        raise ConfigError(f"{path}: extends: {base_name!r}; expected a preset or a file name")
    try:
        base = _locate(base_name, path.parent)
    except ConfigError as error:
        raise ConfigError(f"{path}: extends: {error}") from None
    return _lay(_read(base, (*seen, path.resolve())), data)


def _anchor(data: dict[str, Any], folder: Path) -> None:
    """Make the name of a topology file, relative to the fabric file, a path."""
    clos = data.get("clos")
    if isinstance(clos, dict) and isinstance(name := clos.get("topology"), str) and name != "none":
        clos["topology"] = str(folder / name)


def _parse(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than 1 MB; expected a fabric file in TOML")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None


def _lay(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """Return ``top`` laid over ``base``; another control leaves the tables of the old one."""
    congestion, chosen = base.get("congestion"), top.get("congestion")
    if isinstance(congestion, dict) and isinstance(chosen, dict) and "control" in chosen:
        base = base | {"congestion": keep_tables(congestion, str(chosen["control"]))}
    return _merge(base, top)


def _merge(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged


def _check_override(data: dict[str, Any], text: str) -> None:
    """Refuse an override without a value, of an unknown key, or of what is no table."""
    model = KINDS.get(str(data.get("kind")))
    if model:
        check_key(text, problems.paths(model))
    for name in text.partition("=")[0].strip().split(".")[:-1]:
        data = data.get(name, {})
        if not isinstance(data, dict):
            raise ConfigError(f"--set {text}: the file's {name!r} is not a table")


def _overrides(texts: Sequence[str]) -> dict[str, Any]:
    """Return overrides as the content of a file; the last one of a key wins."""
    content: dict[str, Any] = {}
    for text in texts:
        key, _, value = text.partition("=")
        *tables, leaf = key.strip().split(".")
        inner = content
        for name in tables:
            inner = inner.setdefault(name, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"--set {text}: {name!r} is a value, not a table")
        inner[leaf] = _value(value)
    return content


def _value(text: str) -> Any:
    """Return a number, truth value or quoted text as TOML reads it, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text.strip()


def _validate(data: dict[str, Any], source: str) -> FabricSpec:
    kind = data.get("kind")
    model = KINDS.get(kind) if isinstance(kind, str) else None
    if model is None:
        what = "missing" if kind is None else f"{kind!r} is not a choice"
        raise ConfigError(f"{source}: kind: {what}; {nearest(str(kind), KINDS)}")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = [f"{source}: {line}" for line in problems.lines(error, model)]
        raise ConfigError("\n".join(found)) from None


def _toml(table: dict[str, Any], path: str) -> str:
    """Return a table: its values, then the tables and lists of tables in it."""
    inner = {name: value for name, value in table.items() if isinstance(value, dict)}
    lists = {name: value for name, value in table.items() if _is_tables(value)}
    # JSON's numbers, truth values, escaped strings and flat lists are TOML's.
    text = "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in table.items()
        if name not in inner | lists
    )
    for name, value in inner.items():
        text += f"\n[{path}{name}]\n{_toml(value, f'{path}{name}.')}"
    for name, rows in lists.items():
        for row in rows:
            text += f"\n[[{path}{name}]]\n{_toml(row, f'{path}{name}.')}"
    return text


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)
