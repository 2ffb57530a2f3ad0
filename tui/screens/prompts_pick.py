"""The prompt library: pick a prompt, say what it asks for, keep the draft as one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static
from typing_extensions import override

from tui.core.prompt_library import Prompt, Variable, keep_prompt, read_prompts, variables
from tui.openrouter.text import Clean, clean_line
from tui.screens.dialog import Dialog
from tui.screens.pick import PickScreen
from tui.widgets.pick_list import PickItem

if TYPE_CHECKING:
    from pathlib import Path


class PromptsPick(PickScreen):
    """Gives back the path of the prompt that was picked; `prompt_of` has the prompt itself."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "keep_draft", "keep draft", priority=True, tooltip="Keep the draft as a prompt.",
                id="prompts.keep_draft"),
        Binding("ctrl+s", "keep_system", "keep system prompt", priority=True,
                tooltip="Keep the system prompt of the conversation.", id="prompts.keep_system"),
    ]  # fmt: skip
    HELP = (
        "Type to filter, enter takes the lit prompt: one for the draft goes into the composer, a system prompt becomes "
        "that of the conversation. ctrl+n keeps the draft as a prompt, ctrl+s the system prompt. They are plain files."
    )

    def __init__(self, folder: Path, *, draft: Clean, system: Clean) -> None:
        where = clean_line(str(folder))
        empty = (
            f"No prompts yet. They are text files (.md, .txt) in\n{where}\nand, for system prompts, in its folder "
            "system.\nctrl+n keeps what stands in the composer as one, ctrl+s the system prompt.\n"
            "{{name}} in a prompt is asked for when it is taken."
        )
        super().__init__("prompts", [], empty=empty)
        self._folder = folder
        self._texts = {"template": draft, "system": system}
        self._prompts: dict[str, Prompt] = {}

    @override
    def on_mount(self) -> None:
        self.run_worker(self._read(), group="prompts", exit_on_error=False)

    async def _read(self) -> None:
        prompts = await asyncio.to_thread(read_prompts, self._folder)
        self._prompts = {prompt.path: prompt for prompt in prompts}
        self.put([_item(prompt) for prompt in prompts])

    def prompt_of(self, path: str) -> Prompt:
        """The prompt that was picked."""
        return self._prompts[path]

    def action_keep_draft(self) -> None:
        self._keep("template", "the composer is empty")

    def action_keep_system(self) -> None:
        self._keep("system", "the conversation has no system prompt")

    def _keep(self, kind: str, nothing: str) -> None:
        from tui.screens.text_dialog import TextDialog

        text = self._texts[kind]
        if not text.strip():
            self.notify(f"There is nothing to keep: {nothing}.", severity="warning", markup=False)
            return

        def take(name: str | None) -> None:
            if name:
                self.run_worker(self._write(name, text, kind), group="prompts", exit_on_error=False)

        _ = self.app.push_screen(TextDialog("name of the prompt"), take)

    async def _write(self, name: str, text: Clean, kind: str) -> None:
        try:
            await asyncio.to_thread(keep_prompt, self._folder, name, text, "system" if kind == "system" else "template")
        except FileExistsError:
            self.notify("There is a prompt of that name already.", severity="warning", markup=False)
        except OSError as error:
            why = clean_line(error.strerror or "the folder cannot be written")
            self.notify(f"The prompt was not kept: {why}.", severity="error", markup=False)
        else:
            await self._read()


def _item(prompt: Prompt) -> PickItem:
    if prompt.problem:
        return PickItem(prompt.path, prompt.name, prompt.problem, Clean("✕"))
    asked = [variable.name for variable in variables(prompt.text)]
    parts = ["system prompt"] if prompt.kind == "system" else []
    parts += [f"asks {', '.join(asked)}"] if asked else []
    note = " · ".join(parts) or prompt.text.partition("\n")[0]
    return PickItem(prompt.path, prompt.name, clean_line(note), Clean("▸" if prompt.kind == "system" else ""))


class VariablesDialog(Dialog[dict[str, str] | None]):
    """Asks for what a prompt needs; gives back the values by name, None for esc."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", tooltip="Take no prompt.", id="variables.leave"),
        Binding("ctrl+s", "take", "take prompt", tooltip="Put them into it.", id="variables.take", priority=True),
        Binding("up", "app.focus_previous", "field before", show=False, tooltip="The field above.", id="variables.up"),
        Binding("down", "app.focus_next", "next field", show=False, tooltip="The field below.", id="variables.down"),
    ]
    HELP = "What the prompt asks for. enter goes to the next field and, in the last, takes the prompt; esc leaves."

    def __init__(self, prompt: Prompt, asked: Sequence[Variable]) -> None:
        super().__init__()
        self._prompt = prompt
        self._asked = asked

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="parameters") as pane:
            pane.border_title = Content(self._prompt.name)
            with VerticalScroll(classes="parameters--fields", can_focus=False):
                for number, variable in enumerate(self._asked):
                    with Horizontal(classes="parameters--row"):
                        yield Static(variable.name, classes="parameters--label", markup=False)
                        yield Input(variable.default, id=f"variable-{number}", compact=True)

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    @on(Input.Submitted)
    def go_on(self, event: Input.Submitted) -> None:
        if event.input is self.query(Input).last():
            self.action_take()
        else:
            self.focus_next(Input)

    def action_take(self) -> None:
        values = [field.value for field in self.query(Input)]
        _ = self.dismiss({variable.name: value for variable, value in zip(self._asked, values, strict=True)})

    def action_leave(self) -> None:
        _ = self.dismiss(None)
