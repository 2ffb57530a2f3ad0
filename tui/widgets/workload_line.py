"""What somebody does in a month, to be typed: tokens of a request and requests a month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from msgspec.structs import asdict
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label
from typing_extensions import override

from tui.core.formats import count
from tui.core.prices import Workload
from tui.core.workloads import read_count

_FIELDS: Final = (
    # field of the workload, the words around it
    ("prompt_tokens", "in ", ""),
    ("cached_tokens", " cached ", ""),
    ("completion_tokens", " out ", ""),
    ("requests", " × ", " requests a month"),
)
_LONGEST: Final = 17


class WorkloadLine(Horizontal):
    """Four numbers in a line. Nothing but whole numbers, `k` and `m` is taken; each good change is told at once."""

    HELP = (
        "Tokens of one request and requests a month; 2k and 1.5m are understood. Cached tokens are a part of those in."
    )

    DEFAULT_CSS = """
    WorkloadLine {
        height: 1;
        Label { color: $text-muted; }
        Input { width: 1fr; max-width: 14; background: $surface; &.-wrong { color: $text-error; } }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,down", "leave", "done", tooltip="Back to the comparison.", id="workload.leave"),
    ]

    @dataclass
    class Changed(Message):
        """The numbers are good and other than before."""

        workload: Workload

    @dataclass
    class Wrong(Message):
        """The numbers make no workload; `mistake` is a sentence, empty once they do again."""

        mistake: str

    @dataclass
    class Left(Message):
        """The keyboard should go back to the comparison."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self._workload = workload

    @override
    def compose(self) -> ComposeResult:
        values = asdict(self._workload)
        for name, before, behind in _FIELDS:
            yield Label(before)
            value = count(values[name])
            yield Input(value, id=name, compact=True, restrict=r"[0-9.,_ kKmM]*", max_length=_LONGEST)
            if behind:
                yield Label(behind)

    def put(self, workload: Workload) -> None:
        """Show other numbers; they are told like typed ones."""
        values = asdict(workload)
        for name, _, _ in _FIELDS:
            self.query_one(f"#{name}", Input).value = count(values[name])

    def begin(self) -> None:
        """Take the keyboard, at the first number."""
        self.query_one("#prompt_tokens", Input).focus()

    @on(Input.Changed)
    def read(self, event: Input.Changed) -> None:
        event.stop()
        values = {name: read_count(self.query_one(f"#{name}", Input).value) for name, _, _ in _FIELDS}
        mistake = ""
        for name, value in values.items():
            self.query_one(f"#{name}", Input).set_class(value is None, "-wrong")
        good = {name: value for name, value in values.items() if value is not None}
        if len(good) < len(values):
            mistake = "Each is a whole number, as 2000, 2k or 1.5m."
        elif good["cached_tokens"] > good["prompt_tokens"]:
            mistake = "Cached tokens are a part of those in: not more than them."
            self.query_one("#cached_tokens", Input).add_class("-wrong")
        self.post_message(self.Wrong(mistake))
        if not mistake and (workload := Workload(**good)) != self._workload:
            self._workload = workload
            self.post_message(self.Changed(workload))

    @on(Input.Submitted)
    def submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def action_leave(self) -> None:
        self.post_message(self.Left())
