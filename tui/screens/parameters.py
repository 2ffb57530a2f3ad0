"""What a conversation sends with each request: system prompt and parameters, and presets of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static, TextArea
from typing_extensions import override

from tui.core.commands import Remember
from tui.core.conversation import ConversationSettings
from tui.core.parameter_fields import (
    ParameterField,
    not_taken,
    offered_fields,
    parameter_lines,
    with_written,
    written,
)
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Clean, clean, clean_line
from tui.screens.dialog import Dialog

if TYPE_CHECKING:
    from tui.openrouter.catalogue import Model
    from tui.screens.session import Session

PRESET: str = "preset:"
"""What the names of presets begin with among the things that are remembered."""


class ParameterInput(Input):
    """One parameter; where the values can be listed, space goes through them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "field before", show=False, tooltip="The field above.", id="parameters.up"),
        Binding("down", "app.focus_next", "next field", show=False, tooltip="The field below.", id="parameters.down"),
        Binding("space", "next_choice", "next value", show=False, priority=True, tooltip="The next of the values.",
                id="parameters.next_choice"),
    ]  # fmt: skip
    HELP = "A parameter. Empty: it is not sent, and the provider's default holds. space goes through what it takes."

    def __init__(self, field: ParameterField, value: str) -> None:
        default = f"default {field.default}" if field.default else ""
        expected = f"space: {field.expected}" if field.choices else field.expected
        hint = " · ".join(part for part in (default, expected) if part)
        suggester = SuggestFromList(field.choices, case_sensitive=False) if field.choices else None
        super().__init__(value, placeholder=hint, id=field.name, compact=True, suggester=suggester)
        self._choices = ("", *field.choices)

    def action_next_choice(self) -> None:
        here = self._choices.index(self.value) if self.value in self._choices else 0
        self.value = self._choices[(here + 1) % len(self._choices)]
        self.action_end()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "next_choice":
            return len(self._choices) > 1 and self.value in self._choices
        return super().check_action(action, parameters)


class ParametersDialog(Dialog[ConversationSettings | None]):
    """A form; enter or ctrl+s takes it over, esc leaves everything as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", tooltip="Change nothing.", id="parameters.leave"),
        Binding("ctrl+s", "take", "take over", tooltip="Use these.", id="parameters.take", priority=True),
        Binding("ctrl+l", "load_preset", "presets", tooltip="Fill the form from a preset.", id="parameters.load",
                priority=True),
        Binding("ctrl+n", "keep_preset", "keep as preset", tooltip="Keep these under a name.", id="parameters.keep",
                priority=True),
    ]  # fmt: skip
    HELP = (
        "Empty fields are not sent: the provider's own default holds then. Only what the model takes is offered. "
        "ctrl+s takes over, ctrl+n keeps the fields as a preset, ctrl+l fills them from one, esc changes nothing."
    )

    def __init__(self, session: Session, settings: ConversationSettings, model: Model | None) -> None:
        """`model` is the catalogue's row of the model that is chosen, None when it has none."""
        super().__init__()
        self._session = session
        self._settings = settings
        routed = session.settings.provider.type == "openrouter"
        self._fields = offered_fields(model, routed=routed)
        self._kept = not_taken(settings.parameters, model, routed=routed)

    @override
    def compose(self) -> ComposeResult:
        values = written(self._settings.parameters)
        with Vertical(classes="parameters") as pane:
            pane.border_title = Content("system prompt and parameters")
            system = TextArea(self._settings.system, id="system", tab_behavior="focus")
            system.border_title = Content("system prompt")
            yield system
            with VerticalScroll(classes="parameters--fields", can_focus=False):
                for field in self._fields:
                    with Horizontal(classes="parameters--row"):
                        yield Static(field.label, classes="parameters--label", markup=False)
                        yield ParameterInput(field, values[field.name])
            if self._kept:
                said = ", ".join(f"{label} {value[:40]}" for label, value in parameter_lines(self._kept))
                yield Static(Clean(f"kept, but not sent to this model: {said}"), id="kept", markup=False)
            yield Static("", id="mistake", markup=False)

    def on_mount(self) -> None:
        self.query_one("#system", TextArea).focus()

    @on(Input.Submitted)
    def take_submitted(self) -> None:
        self.action_take()

    def _read(self, known: ChatParameters) -> ChatParameters | None:
        """The fields on top of what is known; None when one is wrong, which is said."""
        values = {field.id or "": field.value for field in self.query(ParameterInput)}
        try:
            return with_written(known, values, self._session.state.model_by_slug)
        except ValueError as error:
            self.query_one("#mistake", Static).update(clean(f"✕ {error}"))
            return None

    def action_take(self) -> None:
        parameters = self._read(self._settings.parameters)
        if parameters is not None:
            system = clean(clean(self.query_one("#system", TextArea).text).strip())
            _ = self.dismiss(replace(self._settings, system=system, parameters=parameters))

    def action_keep_preset(self) -> None:
        from tui.screens.text_dialog import TextDialog

        parameters = self._read(ChatParameters())
        if parameters is None:
            return

        def take(name: str | None) -> None:
            if name:
                values = {field: text for field, text in written(parameters).items() if text}
                self._session.submit(Remember(name=f"{PRESET}{clean_line(name)}", value=values))

        _ = self.app.push_screen(TextDialog("name of the preset"), take)

    def action_load_preset(self) -> None:
        from tui.screens.presets_pick import PresetsPick

        _ = self.app.push_screen(PresetsPick(self._session), self._fill)

    def _fill(self, key: str | None) -> None:
        """Put a preset's values into the form; a field that it does not name becomes empty."""
        values = self._session.state.preferences.get(key) if key is not None else None
        if not isinstance(values, dict):
            return
        for field in self.query(ParameterInput):
            value = values.get(field.id)
            field.value = clean_line(value) if isinstance(value, str) else ""

    def action_leave(self) -> None:
        _ = self.dismiss(None)
