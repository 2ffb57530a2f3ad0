"""What can be written behind `/` in the composer, and what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from tui.core.commands import RenameConversation
from tui.core.filter_completion import Choice
from tui.core.parameter_fields import not_taken, offered_fields, parameter_names, with_written, written
from tui.openrouter.text import Clean, Opaque, clean, clean_line
from tui.screens.soon import soon

if TYPE_CHECKING:
    from tui.screens.chat import ChatScreen

_WRITTEN: Final = re.compile(r"/([a-z]+)(?:\s+(.*))?\s*$", re.DOTALL)
_MOST_CHOICES: Final = 14
Act = Callable[["ChatScreen", str], "str | None"]


class SlashCommand(NamedTuple):
    """One command; `act` answers with a sentence where it could not be carried out."""

    name: str
    argument: str
    meaning: str
    act: Act


def written_command(text: str) -> tuple[str, str] | None:
    """Name and argument where a draft begins as a command does; `/usr/bin` and `//` do not."""
    found = _WRITTEN.match(text)
    return None if found is None else (found[1], (found[2] or "").strip())


def run_command(screen: ChatScreen, name: str, argument: str) -> str | None:
    """Carry a command out; the answer is a sentence where that did not go."""
    command = next((one for one in commands_of(screen) if one.name == name), None)
    if command is None:
        return f"There is no command /{name}; / and tab list them."
    return command.act(screen, argument)


def commands_of(screen: ChatScreen) -> tuple[SlashCommand, ...]:
    """Those that the chat knows; what an action does is offered where the screen has the action."""
    acting = (
        SlashCommand(name, "", meaning, _acts(action))
        for name, meaning, action in _ACTIONS
        if hasattr(screen, f"action_{action.partition('(')[0]}")
    )
    return (*_OWN, *acting)


def command_choices(screen: ChatScreen, text: str) -> tuple[int, tuple[Choice, ...]]:
    """What the last word of a command's line can become, and where that word begins."""
    head, space, begun = text.rpartition(" ")
    if not space:
        commands = [
            Choice(Clean(f"/{one.name}"), Clean(f"{one.argument} · {one.meaning}".removeprefix(" · ")))
            for one in commands_of(screen)
        ]
        return 0, _begun(commands, text)
    words = head.split()
    start = len(head) + 1
    match words:
        case ["/model"]:
            return start, _models(screen, begun)
        case ["/set"]:
            offered = offered_fields(screen.model, routed=_is_routed(screen))
            return start, _begun([Choice(Clean(field.name), Clean(field.expected)) for field in offered], begun)
        case ["/unset"]:
            values = written(screen.settings.parameters)
            return start, _begun(
                [Choice(Clean(name), clean_line(value)) for name, value in values.items() if value], begun
            )
        case ["/set", name]:
            offered = offered_fields(screen.model, routed=_is_routed(screen))
            choices = next((field.choices for field in offered if field.name == name), ())
            return start, _begun([Choice(Clean(one)) for one in choices], begun)
    return start, ()


def _models(screen: ChatScreen, begun: str) -> tuple[Choice, ...]:
    wanted = begun.casefold()
    found = [model for model in screen.session.state.models if wanted in model.slug.casefold() and model.slug != begun]
    chosen = screen.session.state.favourites | set(screen.session.state.recents)
    found.sort(key=lambda model: (model.slug not in chosen, model.slug))
    return tuple(Choice(model.slug, Clean(model.name[:30])) for model in found[:8])


def _begun(choices: Sequence[Choice], begun: str) -> tuple[Choice, ...]:
    """Those that go on where the user is."""
    return tuple(one for one in choices if one.text.startswith(begun) and one.text != begun)[:_MOST_CHOICES]


def _is_routed(screen: ChatScreen) -> bool:
    return screen.session.settings.provider.type == "openrouter"


# What they do


def _acts(action: str) -> Act:
    def act(screen: ChatScreen, _argument: str) -> str | None:
        soon(screen, lambda: _run(screen, action), "slash")
        return None

    return act


async def _run(screen: ChatScreen, action: str) -> None:
    await screen.run_action(action)


def _model(screen: ChatScreen, argument: str) -> str | None:
    if not argument:
        screen.action_pick_model()
        return None
    known = screen.session.state.model_by_slug
    base = argument.partition(":")[0]
    if argument in known or base in known or not known:
        screen.take_model(Opaque(argument))
        return None
    like = [slug for slug in known if argument.casefold() in slug.casefold()]
    if len(like) == 1:
        screen.take_model(Opaque(like[0]))
        return None
    many = f"{len(like):,} models have" if like else "no model has"
    return f"{many.capitalize()} {clean_line(argument)[:60]!r} in the name; tab completes it."


def _system(screen: ChatScreen, argument: str) -> str | None:
    if not argument:
        screen.action_parameters()
    else:
        screen.use_settings(replace(screen.settings, system=clean(argument)))
    return None


def _set(screen: ChatScreen, argument: str) -> str | None:
    name, _, value = argument.partition(" ")
    name = name.rstrip("=").replace("-", "_")
    if name not in parameter_names():
        return (
            f"There is no parameter {clean_line(name)[:40]!r}; /set and tab list them." if name else "/set NAME VALUE"
        )
    if not value.strip():
        return f"/set {name} needs a value; /unset {name} takes it away."
    return _write_parameter(screen, name, value.strip())


def _unset(screen: ChatScreen, argument: str) -> str | None:
    if argument not in parameter_names():
        return "/unset NAME: tab lists what is set."
    return _write_parameter(screen, argument, "")


def _write_parameter(screen: ChatScreen, name: str, value: str) -> str | None:
    settings = screen.settings
    try:
        parameters = with_written(settings.parameters, {name: value}, screen.session.state.model_by_slug)
    except ValueError as error:
        return str(error)
    screen.use_settings(replace(settings, parameters=parameters))
    if value and name in not_taken(parameters, screen.model, routed=_is_routed(screen)):
        words = f"{name} is kept, but not sent: this model does not take it."
        screen.notify(words, severity="warning", markup=False)
    return None


def _title(screen: ChatScreen, argument: str) -> str | None:
    conversation = screen.conversation
    if conversation is None or not argument:
        return "/title TEXT names a conversation that has messages."
    screen.session.submit(RenameConversation(conversation_id=conversation.id, title=clean_line(argument)))
    return None


def _attach(screen: ChatScreen, argument: str) -> str | None:
    if not argument:
        return "/attach PATH attaches a file; @ and tab complete its path."
    screen.attach_path(argument.strip('"'))
    return None


def _find(screen: ChatScreen, argument: str) -> str | None:
    screen.find(clean_line(argument))
    return None


def _fork(screen: ChatScreen, _argument: str) -> str | None:
    if screen.conversation is None or not screen.conversation.messages:
        return "There is no message to go on from."
    # The key is the messages' own, and off while one writes.
    screen.action_fork()
    return None


def _continue(screen: ChatScreen, _argument: str) -> str | None:
    if not screen.can_continue:
        return "No reply here broke off."
    screen.action_remedy("continue")
    return None


_OWN: Final = (
    SlashCommand("model", "ID", "choose the model", _model),
    SlashCommand("system", "TEXT", "the system prompt", _system),
    SlashCommand("set", "NAME VALUE", "a parameter, as temperature 0.2", _set),
    SlashCommand("unset", "NAME", "leave a parameter to the provider", _unset),
    SlashCommand("attach", "PATH", "a text, an image or a PDF", _attach),
    SlashCommand("find", "WORDS", "search this conversation", _find),
    SlashCommand("title", "TEXT", "name this conversation", _title),
    SlashCommand("continue", "", "carry on a reply that broke off", _continue),
    SlashCommand("fork", "", "go on from here in a new conversation", _fork),
)
_ACTIONS: Final = (
    ("new", "a new conversation", "new"),
    ("private", "a conversation that is not stored", "new_private"),
    ("chats", "open another conversation", "conversations"),
    ("export", "write this conversation to a file", "export"),
    ("import", "read conversations from a file", "import_chats"),
    ("parameters", "system prompt and parameters", "parameters"),
    ("presets", "named parameters", "presets"),
    ("prompts", "the prompt library", "prompts"),
    ("again", "make the last reply again", "remedy('again')"),
    ("editor", "write in $EDITOR", "editor"),
)
