"""What a conversation sends with each request: system prompt and parameters."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import ClassVar

from msgspec.structs import replace
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static, TextArea
from typing_extensions import override

from tui.core.conversation import ConversationSettings
from tui.core.formats import plain
from tui.openrouter.catalogue import Model
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import clean
from tui.screens.dialog import Dialog

_FIELDS: tuple[tuple[str, str, str, str], ...] = (
    # name, label, what is expected, the name in `supported_parameters`
    ("temperature", "temperature", "0 to 2", "temperature"),
    ("top_p", "top_p", "above 0 to 1", "top_p"),
    ("max_tokens", "max_tokens", "a whole number", "max_tokens"),
    ("stop", "stop", "up to 4, with | between", "stop"),
    ("seed", "seed", "a whole number", "seed"),
    ("reasoning_effort", "reasoning effort", "minimal, low, medium, high …", "reasoning"),
    ("sort", "provider sort", "price, throughput or latency", ""),
    ("only", "providers only", "tags, with , between", ""),
)


class ParametersDialog(Dialog[ConversationSettings | None]):
    """A form; enter or ctrl+s takes it over, esc leaves everything as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave", tooltip="Change nothing.", id="parameters.leave"),
        Binding("ctrl+s", "take", "take over", tooltip="Use these.", id="parameters.take", priority=True),
    ]
    HELP = "Empty fields are not sent: the provider's own default holds then. ctrl+s takes over, esc changes nothing."

    def __init__(self, settings: ConversationSettings, model: Model | None) -> None:
        super().__init__()
        self._settings = settings
        self._model = model

    @override
    def compose(self) -> ComposeResult:
        values = shown_values(self._settings.parameters)
        with Vertical(classes="parameters") as pane:
            pane.border_title = Content("system prompt and parameters")
            pane.border_subtitle = Content("ctrl+s takes over · esc leaves")
            system = TextArea(self._settings.system, id="system", tab_behavior="focus")
            system.border_title = Content("system prompt")
            yield system
            with VerticalScroll(classes="parameters--fields", can_focus=False):
                for name, label, expected, parameter in self._offered():
                    with Horizontal(classes="parameters--row"):
                        yield Static(label, classes="parameters--label", markup=False)
                        hint = self._hint(parameter) or expected
                        yield Input(values[name], placeholder=hint, id=name, compact=True)
            yield Static("", id="mistake", markup=False)

    def on_mount(self) -> None:
        self.query_one("#system", TextArea).focus()

    def _offered(self) -> list[tuple[str, str, str, str]]:
        """Only what the model supports, as far as the catalogue says."""
        supported = self._model.supported_parameters if self._model else frozenset()
        return [field for field in _FIELDS if not supported or not field[3] or field[3] in supported]

    def _hint(self, parameter: str) -> str:
        defaults = dict(self._model.default_parameters) if self._model else {}
        for name, value in defaults.items():
            if name == parameter:
                return f"default {plain(value)}"
        if parameter == "reasoning" and self._model and self._model.reasoning:
            efforts = self._model.reasoning.supported_efforts
            if efforts:
                return ", ".join(efforts)
        return ""

    @on(Input.Submitted)
    def take_submitted(self) -> None:
        self.action_take()

    def action_take(self) -> None:
        values = {field.id or "": field.value.strip() for field in self.query(Input)}
        try:
            parameters = read_values(self._settings.parameters, values)
        except ValueError as error:
            self.query_one("#mistake", Static).update(f"✕ {error}")
            return
        system = clean(self.query_one("#system", TextArea).text).strip()
        _ = self.dismiss(replace(self._settings, system=clean(system), parameters=parameters))

    def action_leave(self) -> None:
        _ = self.dismiss(None)


def shown_values(parameters: ChatParameters) -> dict[str, str]:
    """The fields of the form as text; empty = not set."""
    routing = json.loads(parameters.provider) if parameters.provider else {}
    return {
        "temperature": "" if parameters.temperature is None else plain(parameters.temperature),
        "top_p": "" if parameters.top_p is None else plain(parameters.top_p),
        "max_tokens": "" if parameters.max_tokens is None else str(parameters.max_tokens),
        "stop": "|".join(parameters.stop),
        "seed": "" if parameters.seed is None else str(parameters.seed),
        "reasoning_effort": parameters.reasoning_effort or "",
        "sort": str(routing.get("sort", "")),
        "only": ", ".join(routing.get("only", [])),
    }


def read_values(known: ChatParameters, values: dict[str, str]) -> ChatParameters:
    """The form's fields as parameters; what the form does not offer stays. Raises ValueError with a sentence."""
    routing = json.loads(known.provider) if known.provider else {}
    changed = known
    for name, text in values.items():
        match name:
            case "temperature":
                changed = replace(changed, temperature=_number(text, "temperature", Decimal(0), Decimal(2)))
            case "top_p":
                changed = replace(changed, top_p=_number(text, "top_p", Decimal("0.000001"), Decimal(1)))
            case "max_tokens":
                changed = replace(changed, max_tokens=_whole(text, "max_tokens", 1))
            case "seed":
                changed = replace(changed, seed=_whole(text, "seed", None))
            case "stop":
                stop = tuple(part for part in text.split("|") if part)
                if len(stop) > 4:
                    raise ValueError("stop takes at most 4 texts.")
                changed = replace(changed, stop=stop)
            case "reasoning_effort":
                changed = replace(changed, reasoning_effort=text or None)
            case "sort":
                routing = {key: value for key, value in routing.items() if key != "sort"} | (
                    {"sort": text} if text else {}
                )
            case "only":
                tags = [tag.strip() for tag in text.split(",") if tag.strip()]
                routing = {key: value for key, value in routing.items() if key != "only"} | (
                    {"only": tags} if tags else {}
                )
            case _:
                continue
    return replace(changed, provider=json.dumps(routing) if routing else None)


def _routed(routing: dict[str, object], key: str, value: object) -> dict[str, object]:
    """The routing object with that key set, or without it where the value is empty."""
    others = {name: known for name, known in routing.items() if name != key}
    return {**others, key: value} if value else others


def _number(text: str, name: str, least: Decimal, most: Decimal) -> Decimal | None:
    if not text:
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not least <= number <= most:
        raise ValueError(f"{name} takes a number up to {most}, not {clean(text)!r}.")
    return number


def _whole(text: str, name: str, least: int | None) -> int | None:
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        raise ValueError(f"{name} takes a whole number, not {clean(text)!r}.") from None
    if least is not None and number < least:
        raise ValueError(f"{name} is at least {least}.")
    return number
