"""The terminal application: the views, the worker, and its events folded into the state."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace
from textual import on, work
from textual.app import SystemCommand
from textual.screen import Screen
from textual.worker import Worker as TextualWorker
from textual.worker import WorkerState
from typing_extensions import override

from tui.core.commands import Command, LoadChanges, NoteFocus, PollQuota, RefreshCatalogue, Remember
from tui.core.events import Event
from tui.core.state import State, Topic
from tui.enter_keys import teach_enter_keys
from tui.keyed_app import BETWEEN, KeyedApp
from tui.openrouter.text import Clean, clean_line
from tui.screens.limit_toasts import LimitToasts
from tui.screens.live_screen import LiveScreen
from tui.screens.session import make_session
from tui.screens.sparing_stylesheet import SparingStylesheet
from tui.stylesheets import THEME_VARIABLES, style_path
from tui.views import VIEWS, MakeScreen, read_ahead
from tui.whole_pastes import take_pastes_whole

if TYPE_CHECKING:
    from tui.config import Provider, Settings
    from tui.screens.session import Session

_FRAME_S: Final = 1 / 20
"""Topics are published at most this often."""
_FRAME_WAIT_S: Final = 0.004
_MOST_FRAME_WAITS: Final = 3
_WORKER_STOP_S: Final = 0.8
"""How long leaving waits for the worker."""
_FIRST_PAINT_LATEST_S: Final = 0.5
_COLLECT_LATEST_S: Final = 3.0
"""The collector, off while the program starts, is on again by then, whatever the start has come to."""
_READ_AHEAD_S: Final = 1.0
"""So long after the first lists are asked for, whoever does not yet know where to go is still looking at them."""
_THEME_ALIASES: Final = {"textual-ansi": "ansi-dark"}
"""Names of earlier Textual versions."""


class BackgroundWorker(Protocol):
    """What the App needs of the worker; `publish`, given to its maker, is called on the event loop's thread."""

    async def run(self) -> None: ...

    def submit(self, command: Command) -> bool: ...

    def cancel(self, job_id: str) -> None: ...

    def cancel_all(self) -> None: ...


MakeWorker = Callable[[Callable[[Event], None]], BackgroundWorker]
MakerFor = Callable[["Settings"], MakeWorker]


class OrtuiApp(KeyedApp):
    """One process: four views on one worker."""

    TITLE = "ortui"
    DEFAULT_MODE = "models"
    # With the first view's own, so that its rules are not read in a second pass.
    CSS_PATH = [style_path("app.tcss"), style_path("models.tcss")]
    COMMAND_PALETTE_BINDING = "ctrl+p"
    CLOSE_TIMEOUT = 0.5
    HELP = (
        "ortui talks to OpenRouter: choose models, chat, look at embeddings, watch what it costs. "
        "Figures with ~ are estimates until the bill is there; – is unknown."
    )

    def __init__(
        self,
        settings: Settings,
        make_worker: MakeWorker,
        views: dict[str, MakeScreen] | None = None,
        *,
        maker_for: MakerFor | None = None,
    ) -> None:
        """`make_worker` gets the function that takes events; `maker_for` makes one for other settings.

        Raises `ConfigError` for a keymap with unknown ids.
        """
        keymap: dict[str, str] = {}
        self._keymap_warnings: Sequence[object] = ()
        if settings.keymap:
            from tui.keymap import checked_keymap  # most people remap nothing

            keymap, self._keymap_warnings = checked_keymap(settings.keymap)
        teach_enter_keys()
        take_pastes_whole()
        super().__init__(settings)
        self.stylesheet = SparingStylesheet(variables=self.get_css_variables())
        self.state = State()
        self._make_worker = make_worker
        self._maker_for = maker_for
        self._worker: BackgroundWorker | None = None
        self._worker_run: TextualWorker[None] | None = None
        self.session: Session = self._new_session()
        self._moved = Topic.NONE
        self._frame: asyncio.TimerHandle | None = None
        """When what has moved is published next."""
        self._published_at = 0.0
        """In the event loop's time."""
        self._frame_waits = 0
        self._notices_shown = 0
        self._were_streaming: frozenset[str] = frozenset()
        self._limit_toasts = LimitToasts(self._warn_of_limit)
        self._lists_asked_for = False
        self._first_paint = ExitStack()
        self._painted = False
        self._views = views or VIEWS
        self._add_views()
        if not settings.ui.animations:
            self.animation_level = "none"
        self.theme = _THEME_ALIASES.get(settings.ui.theme, settings.ui.theme)
        self.set_keymap(keymap)

    def _new_session(self) -> Session:
        return make_session(
            self,
            self.settings,
            self.state,
            self._submit,
            self._cancel,
            self._cancel_all,
            self.copy_to_clipboard,
        )

    def _add_views(self) -> None:
        for mode, make in self._views.items():
            self.add_mode(mode, lambda make=make: self._made_view(make))  # type: ignore[misc]

    def _made_view(self, make: MakeScreen) -> Screen[None]:
        """A view whose rules are read before it is put in, so that its widgets are styled once.

        Textual reads them after it, and then styles the view that is left three times and the new one twice more; but
        what a view's stylesheet says is for that view alone.
        """
        view = make(self.session)
        missing = [path for path in view.css_path if not self.stylesheet.has_source(str(path), "")]
        if missing:
            self.stylesheet.read_all(missing)
            self.stylesheet.reparse()
        view._css_update_count = self._css_update_count
        return view

    # the look

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return THEME_VARIABLES

    def set_theme(self, name: str) -> None:
        """Change the theme and remember it."""
        if name in self.available_themes and name != self.theme:
            self.theme = name
            self._submit(Remember(name="theme", value=name))

    async def on_mount(self) -> None:
        self.remember_terminal()
        self.set_timer(_COLLECT_LATEST_S, gc.enable)
        # What is kept comes within some hundredths of a second: an empty screen before it would be painted for nothing.
        self._first_paint.enter_context(self.batch_update())
        self.set_timer(_FIRST_PAINT_LATEST_S, self._paint_first)
        self._start_worker()
        for warning in self._keymap_warnings:  # those of the settings come from the worker, as notices
            self.notify(clean_line(str(warning)), title="Configuration", severity="warning", timeout=15, markup=False)

    # the worker

    def _start_worker(self) -> None:
        self._worker = self._make_worker(self.take_event)
        self._worker_run = self.run_worker_loop()

    @work(group="worker", exclusive=True, exit_on_error=False)
    async def run_worker_loop(self) -> None:
        """The background worker lives as long as the App."""
        assert self._worker is not None
        await self._worker.run()

    @on(TextualWorker.StateChanged)
    def note_worker_end(self, event: TextualWorker.StateChanged) -> None:
        if event.worker is not self._worker_run or event.state is not WorkerState.ERROR or self.leaving:
            return
        from tui.screens.confirm import Confirm

        error = event.worker.error
        where = self.report(error) if error is not None else ""

        def answer(restart: bool | None) -> None:
            if restart:
                self._start_worker()

        question = "The part that talks to the network has stopped. Start it again?"
        _ = self.push_screen(Confirm(question, where, yes="Start again", no="Leave it"), answer)

    def _submit(self, command: Command) -> bool:
        return self._worker is not None and self._worker.submit(command)

    def _cancel(self, job_id: str) -> None:
        if self._worker is not None:
            self._worker.cancel(job_id)

    def _cancel_all(self) -> None:
        if self._worker is not None:
            self._worker.cancel_all()

    @override
    async def stop_work(self) -> None:
        """Cancel the worker and wait for it: its cleanup would be cancelled a second time half way otherwise."""
        run, self._worker_run = self._worker_run, None
        if run is None or run.is_finished:
            return
        for screen in chain.from_iterable(self._screen_stacks.values()):
            if isinstance(screen, LiveScreen):
                screen.save_now()  # the worker writes what it is handed before it stops
        if not run.is_cancelled:
            # After a crash Textual has cancelled it already.
            run.cancel()
        if (task := run._task) is not None:
            await asyncio.wait({task}, timeout=_WORKER_STOP_S)

    # events in, topics out

    def take_event(self, event: Event) -> None:
        """Fold an event in; what moved is published with the next frame."""
        self._moved |= self.state.apply(event)
        if self._moved and self._frame is None:
            loop = asyncio.get_running_loop()
            self._frame = loop.call_at(max(loop.time(), self._published_at + _FRAME_S), self._publish_frame)

    def _publish_frame(self) -> None:
        self._frame = None
        if self._exit or not self._running:
            return
        if self._frame_waits < _MOST_FRAME_WAITS and self._has_messages_waiting():
            # A key that is on its way to its widget is shown first.
            self._frame_waits += 1
            self._frame = asyncio.get_running_loop().call_later(_FRAME_WAIT_S, self._publish_frame)
            return
        self._frame_waits = 0
        self._published_at = asyncio.get_running_loop().time()
        try:
            with self._context():
                self._publish_changes()
        except Exception as error:  # noqa: BLE001 - called by the event loop, which would only log it
            self._handle_exception(error)

    def _has_messages_waiting(self) -> bool:
        focused = self.focused if self.screen_stack else None
        pumps = (self,) if focused is None else (self, focused)
        return any(not pump._message_queue.empty() for pump in pumps)

    def _publish_changes(self) -> None:
        moved, self._moved = self._moved, Topic.NONE
        if not moved:
            return  # another provider's views were begun meanwhile
        self.session.changed.publish(moved)
        if moved & Topic.NOTICES:
            self._show_notices()
        if moved & Topic.METER:
            self._limit_toasts.look(self.state, self.settings)
        if moved & Topic.CHAT:
            self._ring_for_finished()
        if moved & Topic.PREFERENCES:
            self._take_preferences()
            self._paint_first()
            if not self._lists_asked_for:
                # What is kept is on the screen now: only after it is drawn is the network worth its imports.
                self._lists_asked_for = True
                self.call_after_refresh(self._ask_for_lists)

    def _paint_first(self) -> None:
        if not self._painted:
            self._painted = True
            self._first_paint.close()
            self.refresh(layout=True)

    def _ask_for_lists(self) -> None:
        # What was made so far stays to the end: no collection needs to look at it again.
        gc.freeze()
        gc.enable()
        self._submit(LoadChanges(visit=True))
        self._submit(RefreshCatalogue())
        self._submit(PollQuota())
        self.set_timer(_READ_AHEAD_S, self._read_ahead)

    @work(group="read ahead", thread=True, exit_on_error=False)
    def _read_ahead(self) -> None:
        read_ahead()

    def watch_app_focus(self, focused: bool) -> None:
        """What is left is not asked about while nobody looks for long."""
        self._submit(NoteFocus(focused=focused))

    def _show_notices(self) -> None:
        for number, notice in self.state.notices:
            if number > self._notices_shown:
                self._notices_shown = number
                self.notify(notice.text, severity=notice.severity, markup=False)

    def _warn_of_limit(self, text: Clean, last: bool) -> None:
        self.notify(text, severity="error" if last else "warning", markup=False)

    def _ring_for_finished(self) -> None:
        streaming = frozenset(self.state.streaming)
        finished = self._were_streaming - streaming
        self._were_streaming = streaming
        if finished and not self.app_focus and self.settings.ui.notify:
            self.bell()

    def _take_preferences(self) -> None:
        theme = self.state.preferences.get("theme")
        if isinstance(theme, str) and theme in self.available_themes and theme != self.theme:
            self.theme = theme

    # the palette and what it offers

    @override
    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        from tui.palette import palette_commands

        return palette_commands(self, screen)

    def pick_theme(self) -> None:
        """Ask which theme."""
        from tui.screens.pick import PickScreen
        from tui.widgets.pick_list import PickItem

        items = [
            PickItem(name, Clean(name), Clean("dark" if theme.dark else "light"))
            for name, theme in sorted(self.available_themes.items())
        ]

        def take(name: str | None) -> None:
            if name is not None:
                self.set_theme(name)

        _ = self.push_screen(PickScreen("theme", items, current=self.theme), take)

    # another provider

    def other_providers(self) -> list[Provider]:
        """Those that the palette switches to."""
        if self._maker_for is None:
            return []
        return [entry for entry in self.settings.providers if entry.id != self.settings.provider.id]

    def ask_for_provider(self, provider: Provider) -> None:
        """Switch to another provider; ask first while replies stream."""
        if not self.state.streaming:
            self.use_provider(provider)
            return
        from tui.screens.confirm import Confirm

        def answer(switch: bool | None) -> None:
            if switch:
                self.use_provider(provider)

        question = f"A reply is still streaming. Switch to {clean_line(provider.id)}?"
        detail = "What has arrived is kept; the rest is stopped."
        _ = self.push_screen(Confirm(question, detail, yes="Stop and switch", no="Stay"), answer)

    @work(group="provider", exclusive=True)
    async def use_provider(self, provider: Provider) -> None:
        """End the worker, and begin anew with another provider: views and state hold nothing of the one before."""
        if self._maker_for is None or self.leaving:
            return
        mode = self.current_mode
        self.add_mode(BETWEEN, Screen)
        await self.switch_mode(BETWEEN)
        for name in self._views:
            await self.remove_mode(name)
        await self.stop_work()
        self.settings = replace(self.settings, provider=provider)
        self._make_worker = self._maker_for(self.settings)
        self.state = State()
        self.session = self._new_session()
        self._moved, self._notices_shown = Topic.NONE, 0
        self._were_streaming, self._lists_asked_for = frozenset(), False
        self._limit_toasts = LimitToasts(self._warn_of_limit)
        self._add_views()
        await self.switch_mode(mode)
        await self.remove_mode(BETWEEN)
        self._start_worker()

    # leaving

    @override
    async def action_quit(self) -> None:
        """Leave; ask first while replies stream."""
        from tui.screens.confirm import Confirm

        if isinstance(self.screen, Confirm) and self.screen.id == "quit":
            # Asked already: a second ctrl+q is the answer.
            await self.leave(0)
            return
        running = len(self.state.streaming)
        if not running:
            await self.leave(0)
            return
        what = "A reply is" if running == 1 else f"{running} replies are"
        question = Confirm(
            f"{what} still streaming. Leave?",
            "What has arrived is kept; the rest is stopped.",
            yes="Stop and leave",
            no="Stay",
        )
        question.id = "quit"

        async def answer(leave: bool | None) -> None:
            if leave:
                await self.leave(0)

        _ = self.push_screen(question, answer)
