"""Validation errors as lines: ``dotted.path: what; expected ...; did you mean``."""

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from fabricemu.errors import nearest

_WANTED = {
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "list_type": "expected a list",
    "model_type": "expected a table",
    "string_pattern_mismatch": "expected a name without slashes or a leading dot",
}
_LIMIT = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("more than", "gt"),
}


def paths(model: type[BaseModel], prefix: str = "", in_lists: bool = False) -> list[str]:
    """Return the dotted paths of all fields of a specification, if asked those in lists too."""
    found = []
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        items = get_args(field.annotation) if in_lists else ()
        for inner in (field.annotation, *items):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found += paths(inner, f"{path}.", in_lists)
                break
        else:
            found.append(path)
    return found


def lines(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return one line for each mistake in ``error``, which came from ``model``."""
    return [line for item in error.errors() for line in _lines(item, model)]


def hint(path: str, known: Sequence[str]) -> str:
    """Return which of the ``known`` keys was probably meant by an unknown dotted ``path``."""
    inside = [name for name in known if name.startswith(f"{path}.")]
    if inside:
        return f"it is a table; expected a key of it, as {inside[0]!r}"
    leaf = path.rpartition(".")[2]
    elsewhere = [name for name in known if name.rpartition(".")[2] == leaf]
    if elsewhere:
        return "did you mean " + " or ".join(map(repr, elsewhere))
    table = path.rpartition(".")[0]
    siblings = [name for name in known if table and name.rpartition(".")[0] == table]
    top = list(dict.fromkeys(name.split(".")[0] for name in known))
    return nearest(path, siblings or top)


def _lines(item: Any, model: type[BaseModel]) -> list[str]:
    path = ".".join(str(part) for part in item["loc"])
    kind, value = item["type"], item["input"]
    if kind == "value_error":
        known = paths(model)
        texts = str(item["ctx"]["error"]).split("\n")
        return [_placed(path, text, known) for text in texts]
    return [f"{path}: {_what(kind, value, item, path, model)}"]


def _placed(path: str, text: str, known: list[str]) -> str:
    """Return a text with the path of what it is about, which it may continue."""
    if not path:
        return text
    inner = f"{path}.{text.partition(':')[0]}"
    return f"{path}.{text}" if inner in known else f"{path}: {text}"


def _what(kind: str, value: object, item: Any, path: str, model: type[BaseModel]) -> str:
    if kind == "missing":
        return "missing; expected a value"
    if kind == "extra_forbidden":
        keys = ".".join(part for part in item["loc"] if isinstance(part, str))
        return f"unknown key; {hint(keys, paths(model, in_lists=True))}"
    if kind == "literal_error":
        wanted = item["ctx"]["expected"]
        choices = [word.strip("' ") for word in wanted.replace(" or ", ", ").split(", ")]
        expected = f"{value!r} is not a choice; expected {wanted}"
        close = nearest(str(value), [word for word in choices if word != str(value)])
        return f"{expected}; {close}" if close.startswith("did") else expected
    if kind in _LIMIT:
        words, key = _LIMIT[kind]
        return f"{value!r} is out of range; expected {words} {item['ctx'][key]}"
    return f"{value!r}; {_WANTED.get(kind, item['msg'])}"
