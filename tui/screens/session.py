"""All that a screen may touch, handed to it as one argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from textual.dom import DOMNode
from textual.signal import Signal

from tui.config import Settings
from tui.core.commands import Command
from tui.core.state import State, Topic


class Clipboard(Protocol):
    """Where copied text goes: OSC 52 and the system's clipboard."""

    def __call__(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Session:
    """What the App gives its screens; a test gives them one with a worker that it drives by hand."""

    settings: Settings
    state: State
    """Read it; only events change it."""
    changed: Signal[Topic]
    """These slices moved; published at most 30 times a second."""
    submit: Callable[[Command], bool]
    """Ask the worker; False = its queue is full: tell the user."""
    cancel: Callable[[str], None]
    """Stop the job of that id (a reply's message id, an embedding's job id) at once."""
    cancel_all: Callable[[], None]


def make_session(
    owner: DOMNode,
    settings: Settings,
    state: State,
    submit: Callable[[Command], bool],
    cancel: Callable[[str], None],
    cancel_all: Callable[[], None],
) -> Session:
    """A session whose notices are published by `owner`, the App."""
    return Session(settings, state, Signal(owner, "state-changed"), submit, cancel, cancel_all)
