"""What is shown as a file: CSV or JSON, into the folder of exports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Static
from typing_extensions import override

from tui.config_file import ConfigError, shown_path
from tui.folders import write_export
from tui.openrouter.text import clean_line
from tui.screens.dialog import Dialog
from tui.stylesheets import style_path

if TYPE_CHECKING:
    from tui.screens.session import Session

_SUFFIXES: Final = ("csv", "json")


class ExportDialog(Dialog[None]):
    """Asks for the format, writes the file, and says where it is."""

    CSS_PATH = [style_path("dialogs.tcss"), style_path("comparison.tcss")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "back", tooltip="Back, nothing more is written.", id="export.leave"),
        Binding("c", "write('csv')", "CSV", tooltip="Write a CSV file, for spreadsheets.", id="export.csv"),
        Binding("j", "write('json')", "JSON", tooltip="Write a JSON file, for programs.", id="export.json"),
        Binding("y", "copy_path", "copy path", tooltip="Copy where the file is.", id="export.copy"),
        Binding(
            "left", "app.focus_previous", "other format", show=False, tooltip="The format before.", id="export.previous"
        ),
        Binding("right", "app.focus_next", "other format", show=False, tooltip="The next format.", id="export.next"),
    ]
    HELP = (
        "c writes CSV, for spreadsheets; j writes JSON, for programs. Then y copies where the file is, esc goes back."
    )

    def __init__(self, session: Session, what: str, stem: str, encode: Callable[[str], bytes]) -> None:
        """`what` is exported (`96 of 421 models`); `encode("csv")` and `encode("json")` make it, in a thread."""
        super().__init__()
        self._session = session
        self._what = what
        self._stem = stem
        self._encode = encode
        self._path: Path | None = None
        self._is_writing = False

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Export {self._what}", classes="dialog--question", markup=False)
            yield Static(self._where(), id="told", classes="dialog--detail", markup=False)
            with Horizontal(classes="dialog--answers"):
                yield Button(Content("CSV (c)"), id="csv", compact=True)
                yield Button(Content("JSON (j)"), id="json", compact=True)

    def _where(self) -> str:
        return f"A new file in {clean_line(shown_path(self._session.settings.folders.exports))}"

    def on_mount(self) -> None:
        self.query_one("#csv", Button).focus()

    @on(Button.Pressed)
    def take_button(self, event: Button.Pressed) -> None:
        self.action_write("json" if event.button.id == "json" else "csv")

    def action_write(self, suffix: Literal["csv", "json"]) -> None:
        if not self._is_writing and suffix in _SUFFIXES:
            self._is_writing = True
            self._write(suffix)

    @work(group="export", exclusive=True)
    async def _write(self, suffix: str) -> None:
        folder, now = self._session.settings.folders.exports, self._session.now()

        def carry_out() -> Path:
            return write_export(folder, self._stem, suffix, self._encode(suffix), now)

        try:
            self._path = await asyncio.to_thread(carry_out)
            told = f"Written: {clean_line(shown_path(self._path))}\ny copies the path, esc goes back."
        except (ConfigError, OSError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or str(error)
            told = f"✕ Not written: {clean_line(why)}. {suffix[0]} tries again."
        finally:
            self._is_writing = False
        self.query_one("#told", Static).update(told)
        self.refresh_bindings()

    def action_copy_path(self) -> None:
        if self._path is not None:
            self._session.copy(str(self._path))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "copy_path" and self._path is None:
            return None
        return super().check_action(action, parameters)

    def action_leave(self) -> None:
        _ = self.dismiss(None)
