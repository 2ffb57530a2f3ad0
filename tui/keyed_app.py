"""The keys that hold everywhere, and what they do: views, help, palette, copying, stopping."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on, work
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.keys import key_to_character
from typing_extensions import override

from tui.screens.session import GoTo, StopsStream, TakesModel, UseModel
from tui.well_ending_app import WellEndingApp
from tui.widgets.header_line import HeaderLine

BETWEEN: Final = "between"
"""The mode in which one provider's views are gone and the next one's are not there yet."""


class KeyedApp(WellEndingApp, inherit_bindings=False):
    """An App whose views are modes that are gone to by key."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "f1", "help", "help", tooltip="All keys, those of the focused pane first.", priority=True, id="app.help"
        ),
        Binding("question_mark", "help", "help", tooltip="The keys of the focused pane.", id="app.help_pane"),
        Binding(
            "f2",
            "show('models')",
            "models",
            show=False,
            priority=True,
            tooltip="The catalogue: find and compare models.",
            id="app.models",
        ),
        Binding(
            "f3", "show('chat')", "chat", show=False, priority=True, tooltip="Conversations with models.", id="app.chat"
        ),
        Binding(
            "f4",
            "show('embeddings')",
            "embeddings",
            show=False,
            priority=True,
            tooltip="Texts as vectors: what is alike.",
            id="app.embeddings",
        ),
        Binding(
            "f5",
            "show('spend')",
            "spend",
            show=False,
            priority=True,
            tooltip="What it cost and what is left.",
            id="app.spend",
        ),
        Binding("1", "help", "help", show=False, tooltip="All keys.", id="app.help_digit"),
        Binding(
            "2",
            "show('models')",
            "models",
            show=False,
            tooltip="The catalogue: find and compare models.",
            id="app.models_digit",
        ),
        Binding("3", "show('chat')", "chat", show=False, tooltip="Conversations with models.", id="app.chat_digit"),
        Binding(
            "4",
            "show('embeddings')",
            "embeddings",
            show=False,
            tooltip="Texts as vectors: what is alike.",
            id="app.embeddings_digit",
        ),
        Binding(
            "5", "show('spend')", "spend", show=False, tooltip="What it cost and what is left.", id="app.spend_digit"
        ),
        Binding(
            "ctrl+o",
            "go_to",
            "go to",
            show=False,
            tooltip="A menu of the views, for terminals that take the F-keys.",
            priority=True,
            id="app.go_to",
        ),
        Binding(
            "ctrl+p",
            "command_palette",
            "palette",
            show=False,
            tooltip="Everything that can be done, by name.",
            priority=True,
            id="app.palette",
        ),
        Binding(
            "colon",
            "command_palette",
            "palette",
            show=False,
            tooltip="Everything that can be done, by name.",
            id="app.palette_colon",
        ),
        Binding(
            "ctrl+c", "stop_or_hint", "stop", show=False, tooltip="Copy, else stop the reply.", id="app.copy_or_stop"
        ),
        Binding("ctrl+q", "quit", "quit", show=False, tooltip="Leave ortui.", priority=True, id="app.quit"),
    ]

    @override
    async def _check_bindings(self, key: str, priority: bool = False) -> bool:
        # Textual copies all bindings of all panes for each key, twice: a third of what a key costs that does nothing.
        if self._keymap:
            return await super()._check_bindings(key, priority)
        for node, binding in self._bound_to(key, priority):
            if await self.run_action(binding.action, node):
                return True
        return False

    def _bound_to(self, key: str, priority: bool) -> list[tuple[DOMNode, Binding]]:
        """The bindings of one key from the focused pane outwards, those with priority the other way."""
        screen = self.screen
        focused = screen.focused
        nodes: list[DOMNode] = [screen, self]
        if focused is not None and not focused.loading:
            nodes = focused.ancestors_with_self
        bound: list[tuple[DOMNode, Binding]] = []
        for at, node in enumerate(nodes):
            found = [one for one in node._bindings.key_to_bindings.get(key, ()) if one.priority is priority]
            if found and not any(inner.check_consume_key(key, key_to_character(key)) for inner in nodes[:at]):
                more = [(node, one) for one in found]
                bound = more + bound if priority else bound + more
            if node.is_modal and not priority:
                break
        return bound

    # going places

    async def action_show(self, mode: str) -> None:
        """Show a view; a dialog that is open on it stays open."""
        if self.current_mode != BETWEEN:  # while the provider changes there are none
            await self.switch_mode(mode)

    @on(HeaderLine.Pressed)
    async def show_pressed(self, event: HeaderLine.Pressed) -> None:
        await self.action_show(event.mode)

    @on(GoTo)
    async def show_wanted(self, event: GoTo) -> None:
        await self.action_show(event.mode)

    @on(UseModel)
    async def use_model(self, event: UseModel) -> None:
        """Enter a view with a model that was chosen in another."""
        await self.action_show(event.mode)
        view = self.screen_stack[0]
        if isinstance(view, TakesModel):
            view.take_model(event.model, event.routing)

    def action_go_to(self) -> None:
        from tui.screens.goto_menu import GotoMenu

        async def go(place: str | None) -> None:
            match place:
                case None:
                    pass
                case "help":
                    self.action_help()
                case "palette":
                    self.action_command_palette()
                case mode:
                    await self.action_show(mode)

        if not isinstance(self.screen, GotoMenu):
            _ = self.push_screen(GotoMenu(self.current_mode), go)

    def action_help(self) -> None:
        from tui.screens.help import HelpScreen, help_sections

        if isinstance(self.screen, HelpScreen):
            _ = self.pop_screen()
        else:
            _ = self.push_screen(HelpScreen(help_sections(self.screen)))

    @override
    def get_key_display(self, binding: Binding) -> str:
        from tui.widgets.footer_line import shown_key

        return binding.key_display or shown_key(binding.key)

    # copying and stopping

    @override
    def copy_to_clipboard(self, text: str) -> None:
        """By OSC 52 and, in a thread, to the clipboard of this machine."""
        super().copy_to_clipboard(text)
        if not self.is_headless:
            self._copy_to_system(text)

    @work(group="clipboard", thread=True, exit_on_error=False)
    def _copy_to_system(self, text: str) -> None:
        from tui.clipboard import copy_to_system

        copy_to_system(text)

    def action_stop_or_hint(self) -> None:
        """ctrl+c with nothing selected: stop the reply that is shown, else say how to leave."""
        view = self.screen_stack[0]
        if isinstance(view, StopsStream) and view.stop_stream():
            return
        self.notify("Nothing is selected and nothing runs here. ctrl+q leaves ortui.", timeout=3, markup=False)
