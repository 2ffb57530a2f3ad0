"""The sentences of the chat screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tui.core.conversation import ConversationSettings
from tui.core.parameter_fields import not_taken, parameter_lines, written
from tui.core.remedies import Remedy, RemedyKind
from tui.openrouter.catalogue import Model
from tui.openrouter.text import Clean

EDITING_WORDS: Final = Clean("enter sends this in the place of your earlier question · esc leaves that as it is")
UNDO_WORDS: Final = Clean("deleted · u brings it back")
ELSEWHERE: Final = Clean("Another ortui streams a reply here: it can be stopped there.")
UNANSWERED_WORDS: Final = Clean("ctrl+r asks for the reply")
_REMEDY_KEYS: Final = {
    RemedyKind.CONTINUE: "alt+c",
    RemedyKind.AGAIN: "ctrl+r",
    RemedyKind.PAID_TWIN: "alt+p",
    RemedyKind.OTHER_PROVIDER: "alt+o",
    RemedyKind.FEWER_TOKENS: "alt+m",
    RemedyKind.EDIT: "alt+e",
    RemedyKind.OTHER_MODEL: "ctrl+l",
    RemedyKind.PARAMETERS: "ctrl+t",
}


def remedies_text(offered: Sequence[Remedy]) -> Clean:
    """The keys that may mend the last reply, the likeliest first; empty when there is nothing to mend."""
    return Clean(" · ".join(f"{_REMEDY_KEYS[one.kind]} {one.label}" for one in offered))


def empty_text(model: Model | None, settings: ConversationSettings) -> Clean:
    """What stands where the first message will."""
    who = model.name if model else settings.model.shown() if settings.model else Clean("no model yet")
    return Clean(
        f"Talk to {who}.\n\nWrite below, enter sends, ctrl+j breaks the line.\n"
        "ctrl+l chooses the model, ctrl+t the parameters, ctrl+s opens an earlier conversation.\n"
        "alt+l takes a prompt from the library, alt+s searches all messages, alt+n begins a private conversation."
    )


def kept_text(kept: dict[str, str]) -> Clean:
    """What is kept for models that take it."""
    said = "\n".join(f"  {label} {value[:60]}" for label, value in parameter_lines(kept))
    return Clean(f"not sent: the model does\nnot take it\n{said}")


def parameters_text(settings: ConversationSettings, model: Model | None = None, *, routed: bool = True) -> Clean:
    """What the next request sends, for the pane at the right; `model` is the catalogue's row."""
    kept = not_taken(settings.parameters, model, routed=routed)
    sent = {name: text for name, text in written(settings.parameters).items() if name not in kept}
    lines = [f"model\n  {settings.model.shown() if settings.model else '–'}"]
    lines += [f"{label}\n  {value[:200]}" for label, value in parameter_lines(sent)]
    if kept:
        lines.append(kept_text(kept))
    if settings.system:
        lines.append(f"system prompt\n  {settings.system[:300]}")
    lines.append("ctrl+t changes them;\nwhat is not set is\nthe provider's default")
    return Clean("\n\n".join(lines))
