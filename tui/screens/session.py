"""All that a screen may touch, handed to it as one argument."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
from textual.dom import DOMNode
from textual.message import Message
from textual.signal import Signal

from tui.config import Settings
from tui.core.commands import Command
from tui.core.state import State, Topic
from tui.openrouter.text import Opaque

if TYPE_CHECKING:
    from tui.core.routing import Routing


class Clipboard(Protocol):
    """Where copied text goes: OSC 52 and the system's clipboard."""

    def __call__(self, text: str) -> None: ...


def no_clipboard(text: str) -> None:
    """For hosts without a clipboard: the text is dropped."""


class Session(msgspec.Struct, frozen=True):
    """What the App gives its screens; a test gives them one with a worker that it drives by hand."""

    settings: Settings
    state: State
    """Read it; only events change it."""
    changed: Signal[Topic]
    """These slices moved; published at most 20 times a second."""
    submit: Callable[[Command], bool]
    """Ask the worker; False = its queue is full: tell the user."""
    cancel: Callable[[str], None]
    """Stop the job of that id (a reply's message id, an embedding's job id) at once."""
    cancel_all: Callable[[], None]
    copy: Clipboard = no_clipboard
    now: Callable[[], float] = time.time
    """Unix seconds; a test sets the clock."""


def make_session(
    owner: DOMNode,
    settings: Settings,
    state: State,
    submit: Callable[[Command], bool],
    cancel: Callable[[str], None],
    cancel_all: Callable[[], None],
    copy: Clipboard = no_clipboard,
    now: Callable[[], float] = time.time,
) -> Session:
    """A session whose notices are published by `owner`, the App."""
    return Session(settings, state, Signal(owner, "state-changed"), submit, cancel, cancel_all, copy, now)


# Written out: a dataclass costs the start a millisecond each.


class UseModel(Message):
    """Bubbles to the App: go to the view `mode` (`chat` or `embeddings`) and hand it this model."""

    def __init__(self, mode: str, model: Opaque, routing: Routing | None = None) -> None:
        """`routing`: which providers a new chat asks for; None = whatever the conversation on screen does."""
        super().__init__()
        self.mode = mode
        self.model = model
        self.routing = routing


class GoTo(Message):
    """Bubbles to the App: show the view `models`, `chat`, `embeddings` or `spend`."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode


@runtime_checkable
class TakesModel(Protocol):
    """A view that can be entered with a model: it is called once the view is shown."""

    def take_model(self, model: Opaque, routing: Routing | None = None) -> None: ...


@runtime_checkable
class StopsStream(Protocol):
    """A view that shows a reply or an embedding that may run."""

    def stop_stream(self) -> bool:
        """Stop what is shown; False when nothing runs."""
        ...
