"""Which keys can be remapped: the ids of all bindings, read from the source so that commands need no Textual."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from tui.config_file import ConfigError, Problem, shown

NEVER_BOUND: Final = ("ctrl+i", "ctrl+m", "ctrl+h", "ctrl+[", "ctrl+left_square_bracket", "ctrl+b", "ctrl+z")
"""Keys that terminals send for tab, enter, backspace and escape, or that tmux and the shell take."""

_LONG: Final = {"?": "question_mark", "/": "slash", ":": "colon", "esc": "escape"}


class BoundKey(msgspec.Struct, frozen=True):
    """One `Binding(…, id=…)` of the source."""

    id: str
    keys: tuple[str, ...]
    owner: str
    """The class that has it."""
    priority: bool = False


def known_binding_ids() -> frozenset[str]:
    """Every id that `keymap` may name."""
    return frozenset(bound.id for bound in bound_keys())


@functools.cache
def bound_keys() -> tuple[BoundKey, ...]:
    """All bindings with an id in the application, its screens and its widgets."""
    package = Path(__file__).parent
    files = [
        package / "app.py",
        package / "keyed_app.py",
        *sorted((package / "screens").glob("*.py")),
        *sorted((package / "widgets").glob("*.py")),
    ]
    return tuple(bound for file in files if file.is_file() for bound in _bindings_in(file.read_text(encoding="utf-8")))


def _bindings_in(source: str) -> Iterator[BoundKey]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef):
            continue
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Binding":
                given = {word.arg: word.value for word in call.keywords}
                key = _text(call.args[0] if call.args else given.get("key"))
                binding_id = _text(given.get("id"))
                if key and binding_id:
                    priority = given.get("priority")
                    is_priority = isinstance(priority, ast.Constant) and priority.value is True
                    yield BoundKey(binding_id, _split(key), node.name, is_priority)


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _split(keys: str) -> tuple[str, ...]:
    return tuple(_LONG.get(key.strip(), key.strip()) for key in keys.split(",") if key.strip())


def keymap_problems(keymap: Mapping[str, str]) -> tuple[list[Problem], list[Problem]]:
    """What is wrong with a keymap: errors (unknown ids, no keys) and warnings (clashes, keys terminals do not send)."""
    errors: list[Problem] = []
    warnings: list[Problem] = []
    if not keymap:
        return errors, warnings
    known = known_binding_ids()
    for binding_id, keys in keymap.items():
        field = f"keymap.{shown(binding_id)}"
        if binding_id not in known:
            errors.append(
                Problem(f"there is no such binding, expected an id{_nearest(binding_id, known)}", field=field)
            )
        elif not _split(keys):
            errors.append(Problem("expected a key such as ctrl+t, or several with commas, got none", field=field))
        else:
            warnings += [
                Problem(f"{key} means something else to terminals and will not work everywhere", field=field)
                for key in _split(keys)
                if key in NEVER_BOUND
            ]
    return errors, warnings + [Problem(clash, field="keymap") for clash in _clashes(keymap)]


def _nearest(binding_id: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(binding_id, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ", as `ortui config keys` lists them"


def _clashes(keymap: Mapping[str, str]) -> Iterator[str]:
    """Two bindings on one key, where at least one was moved there and both can be meant at once."""
    mapped = [replace(bound, keys=_split(keymap[bound.id])) if bound.id in keymap else bound for bound in bound_keys()]
    seen: set[tuple[str, str, str]] = set()
    for index, first in enumerate(mapped):
        for second in mapped[index + 1 :]:
            if first.id == second.id or not (first.id in keymap or second.id in keymap):
                continue
            if first.owner != second.owner and not (first.priority or second.priority):
                continue
            for key in set(first.keys) & set(second.keys):
                if (key, first.id, second.id) not in seen:
                    seen.add((key, first.id, second.id))
                    yield f"{key} is bound to both {first.id} and {second.id}"


def checked_keymap(keymap: Mapping[str, str]) -> tuple[dict[str, str], list[Problem]]:
    """The keymap with keys as Textual names them, and its warnings; raises `ConfigError` for what cannot be meant."""
    errors, warnings = keymap_problems(keymap)
    if errors:
        raise ConfigError(*errors)
    return {binding_id: ",".join(_split(keys)) for binding_id, keys in keymap.items()}, warnings
