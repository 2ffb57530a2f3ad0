"""A package imports only what stands below it, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "tui"
ORDER = (
    ("secret",),
    ("config",),
    ("openrouter",),
    ("core",),
    ("database",),
    ("worker",),
    ("widgets",),
    ("screens",),
    ("app", "commands", "cli"),
)
"""From the ground up."""
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
# Modules at the top of the package that belong to a layer under another name.
LEVEL |= dict.fromkeys(("base_url", "config_types", "config_file", "config_fields", "config_sections"), LEVEL["config"])
LEVEL |= dict.fromkeys(("config_example", "folders", "keymap", "keyring_store"), LEVEL["config"])
LEVEL |= dict.fromkeys(("stylesheets", "clipboard", "leaving"), LEVEL["config"])
LEVEL |= {
    "enter_keys": LEVEL["widgets"],
    "whole_pastes": LEVEL["widgets"],
    "crash_report": LEVEL["openrouter"],
    "well_ending_app": LEVEL["app"],
    "keyed_app": LEVEL["app"],
    "palette": LEVEL["app"],
    "views": LEVEL["app"],
    "__init__": 0,
    "__main__": LEVEL["cli"],
    "demo": -1,
}

_PLAIN = {"textual", "rich", "httpx", "sqlite3"}
NEVER = {
    "widgets": {"httpx", "sqlite3", "starlette", "uvicorn"},
    "screens": {"httpx", "sqlite3", "starlette", "uvicorn"},
    "app": {"httpx", "sqlite3"},
    "worker": {"textual", "rich"},
    "database": {"textual", "rich", "httpx"},
    "core": _PLAIN,
    "openrouter": {"textual", "rich", "sqlite3"},
    "config": _PLAIN,
    "secret": _PLAIN,
    **dict.fromkeys(("keymap", "crash_report", "leaving", "clipboard", "folders", "stylesheets", "base_url"), _PLAIN),
    **dict.fromkeys(("config_types", "config_file", "config_fields", "config_sections", "config_example"), _PLAIN),
    "demo": {"textual", "rich", "sqlite3", "httpx"},
}


def layer_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, inside functions and for type checking too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            assert node.module is not None
            if node.module == "tui":
                # `from tui import __version__` is no module
                names = (alias.name for alias in node.names)
                yield from ((node.lineno, f"tui.{name}") for name in names if not name.startswith("__"))
            else:
                yield node.lineno, node.module


FILES = sorted(path for path in ROOT.rglob("*.py"))


def test_every_module_has_a_layer() -> None:
    assert {layer_of(path) for path in FILES} <= set(LEVEL), "say in this test where the new module stands"


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(ROOT)) for path in FILES])
def test_a_module_imports_only_from_below(path: Path) -> None:
    layer = layer_of(path)
    wrong = []
    for line, name in imports(path):
        parts = name.split(".")
        if parts[0] != "tui":
            if parts[0] in NEVER.get(layer, set()):
                wrong.append(f"line {line}: {layer} must not import {name}")
            if parts[0] == "httpx" and path.relative_to(ROOT).as_posix() != "openrouter/client.py":
                wrong.append(f"line {line}: only openrouter/client.py imports httpx")
            continue
        other = parts[1] if len(parts) > 1 else "__init__"
        if other == layer:
            continue
        if layer == "demo":
            if other not in ("openrouter", "__init__"):
                wrong.append(f"line {line}: the demo server imports {name}, it may import only openrouter's types")
        elif other == "demo":
            # It is started as a program; only how to start it may be known.
            if LEVEL[layer] < LEVEL["cli"] and not (layer == "worker" and name == "tui.demo.launch"):
                wrong.append(f"line {line}: {layer} imports the demo server")
        elif other not in LEVEL or LEVEL[other] > LEVEL[layer]:
            wrong.append(f"line {line}: {layer} imports {name}, which stands above it")
        elif layer in ("widgets", "screens") and other in ("worker", "database"):
            wrong.append(f"line {line}: {layer} imports {name}; what a screen may touch is in its session")
    assert not wrong, "\n".join(wrong)
