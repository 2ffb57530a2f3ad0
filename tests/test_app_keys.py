"""Keys that terminals send in several ways, and the keymap."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.binding import Binding
from textual.dom import DOMNode

import tui.keyed_app
import tui.screens
import tui.widgets
from tui.config import ConfigError
from tui.enter_keys import teach_enter_keys
from tui.keymap import NEVER_BOUND, bound_keys, checked_keymap, keymap_problems, known_binding_ids


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("\x1b\r", "alt+enter"),
        ("\x1b[13;3u", "alt+enter"),
        ("\x1b[27;3;13~", "alt+enter"),
        ("\x1b[13;2u", "shift+enter"),
        ("\x1b[27;2;13~", "shift+enter"),
        ("\r", "enter"),
        ("\n", "ctrl+j"),
        ("\x1b[15~", "f5"),
    ],
)
def test_enter_with_a_modifier_arrives(sequence: str, key: str) -> None:
    teach_enter_keys()
    parser = XTermParser()
    found = [event for event in (*parser.feed(sequence), *parser.feed("")) if isinstance(event, events.Key)]
    assert [event.key for event in found] == [key]
    assert key == "enter" or key == "ctrl+j" or not found[0].is_printable


def our_bindings() -> list[tuple[type, Binding]]:
    """Every binding that a class of ours declares."""
    found: list[tuple[type, Binding]] = []
    modules = [tui.keyed_app]
    for package in (tui.screens, tui.widgets):
        modules += [
            importlib.import_module(f"{package.__name__}.{module.name}")
            for module in pkgutil.iter_modules(package.__path__)
        ]
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.__name__:
                for binding in vars(value).get("BINDINGS", ()):
                    assert isinstance(binding, Binding), f"{value.__name__} has a binding without an id: {binding}"
                    found.append((value, binding))
    return found


def test_every_binding_has_an_id_and_words_and_the_source_scan_finds_it() -> None:
    ids = known_binding_ids()
    for owner, binding in our_bindings():
        assert binding.id, f"{owner.__name__}: {binding.key} has no id"
        assert binding.id in ids
        assert binding.description, f"{binding.id} has no description"
        assert binding.tooltip, f"{binding.id} has no tooltip"
    assert {binding.id for _, binding in our_bindings()} == ids


def test_no_binding_takes_a_key_that_terminals_need() -> None:
    for bound in bound_keys():
        assert not set(bound.keys) & set(NEVER_BOUND), bound


def test_two_keys_of_one_class_do_not_clash() -> None:
    for owner in {bound.owner for bound in bound_keys()}:
        seen: dict[str, str] = {}
        for bound in bound_keys():
            # escape may mean different things by what can be done now
            for key in bound.keys if bound.owner == owner else ():
                assert key == "escape" or seen.setdefault(key, bound.id) == bound.id, (owner, key)


def test_unknown_ids_are_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        ConfigError, match=r"keymap\.app\.qiut: there is no such binding, expected an id; did you mean app\.quit\?"
    ):
        checked_keymap({"app.qiut": "ctrl+w"})


def test_keys_are_read_as_people_write_them() -> None:
    assert checked_keymap({"app.help_pane": "?, f9"})[0] == {"app.help_pane": "question_mark,f9"}


def test_clashes_and_lost_keys_are_warned_about() -> None:
    errors, warnings = keymap_problems({"app.models": "f5", "app.chat": "ctrl+i"})
    said = " | ".join(str(warning) for warning in warnings)
    assert not errors
    assert "f5 is bound to both app.models and app.spend" in said
    assert "ctrl+i means something else" in said


def test_an_empty_keymap_is_fine_and_an_empty_key_is_not() -> None:
    assert checked_keymap({}) == ({}, [])
    with pytest.raises(ConfigError, match="got none"):
        checked_keymap({"app.quit": " "})


def test_the_app_has_the_contracts_keys() -> None:
    keys = {key for bound in bound_keys() if bound.owner == tui.keyed_app.KeyedApp.__name__ for key in bound.keys}
    assert {"f1", "f2", "f3", "f4", "f5", "ctrl+o", "ctrl+p", "ctrl+q", "ctrl+c", "colon", "question_mark"} <= keys
    assert {"1", "2", "3", "4", "5"} <= keys
