"""Everything the catalogue and the providers say about one model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import msgspec
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.timer import Timer
from typing_extensions import override

from tui.core.conversation import Failure
from tui.core.formats import clock, duration
from tui.openrouter.catalogue import Endpoint, Model
from tui.widgets.line_view import Line, LineView, wrap


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints of a model as far as they are known: an old list may stand while another is awaited or failed."""

    endpoints: tuple[Endpoint, ...] | None = None
    fetched_at: float | None = None
    """Unix seconds."""
    loading_since: float | None = None
    """Unix seconds; None = nothing is asked."""
    failure: Failure | None = None


NOT_ASKED: Final = ProviderList()


class ModelDetails(LineView):
    """One model: description, prices with their conditions, limits, and the providers once they have been asked for."""

    HELP = (
        "The current model. Prices are USD per million tokens unless they say otherwise; – is unknown. p shows its "
        "providers: price, uptime, latency, speed, and how to chat by way of some of them. l lists the links of the "
        "description, o opens its page."
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "ask_providers", "providers", id="details.providers", tooltip="Show this model's providers"),
        Binding("l", "links", "links", id="details.links", tooltip="Links of the description, its page, Hugging Face"),
        Binding("o", "open_page", "open page", id="details.open_page", tooltip="Open its page"),
        Binding("m", "more", "more", id="details.more", tooltip="The whole description, or less of it"),
    ]

    @dataclass
    class _Asked(Message):
        details: ModelDetails
        model: Model

        @property
        @override
        def control(self) -> ModelDetails:
            return self.details

    class ProvidersAsked(_Asked):
        """`p`: show the endpoints of this model."""

    class LinksAsked(_Asked):
        """`l`: show where one can read more."""

    class PageAsked(_Asked):
        """`o`: open the model's page."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self.model: Model | None = None
        self.providers = NOT_ASKED
        self._now = 0.0
        self._unfolded = False
        self._ticking: Timer | None = None

    @override
    def on_mount(self) -> None:
        """Be ready to count the seconds of waiting."""
        self._ticking = self.set_interval(1.0, self.rebuild, pause=True)
        self._tick_while_waiting()

    def show(self, model: Model | None, providers: ProviderList = NOT_ASKED, *, now: float) -> None:
        """Show a model and what is known of its providers; `now` in Unix seconds, for ages."""
        if (model, providers) == (self.model, self.providers) and now // 60 == self._now // 60:
            return
        other = model is None or self.model is None or model.id != self.model.id
        self.model, self.providers, self._now = model, providers, now
        if other:
            self._unfolded = False
            if self.scroll_y:
                self.scroll_to(y=0, animate=False, immediate=True)
        self.rebuild()
        self._tick_while_waiting()

    def _tick_while_waiting(self) -> None:
        if self._ticking is not None:
            if self.providers.loading_since is None:
                self._ticking.pause()
            else:
                self._ticking.resume()

    def action_ask_providers(self) -> None:
        """Show the providers."""
        if self.model is not None:
            self.post_message(self.ProvidersAsked(self, self.model))

    def action_links(self) -> None:
        """List the links."""
        if self.model is not None:
            self.post_message(self.LinksAsked(self, self.model))

    def action_open_page(self) -> None:
        """Open the model's page."""
        if self.model is not None:
            self.post_message(self.PageAsked(self, self.model))

    def action_more(self) -> None:
        """Show the whole description, or its beginning."""
        self._unfolded = not self._unfolded
        self.rebuild()

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what needs a model."""
        if action in ("ask_providers", "links", "open_page", "more") and self.model is None:
            return None
        return super().check_action(action, parameters)

    @override
    def build(self) -> Sequence[Line]:
        model, room = self.model, self.room
        if model is None:
            return [[("dim", line)] for line in wrap("What is known of the current model is shown here.", room)]
        from tui.widgets.model_facts import about, benchmarks, limits, prices, providers  # narrow starts do without

        known = self.providers
        return [
            *about(model, room, self._now, unfolded=self._unfolded),
            *prices(model, room, self._now),
            *providers(model, known.endpoints, room, self._standing(), now=self._now),
            *limits(model, room),
            *benchmarks(model, room),
        ]

    def _standing(self) -> Sequence[tuple[str, str]]:
        """What is to be said of the list of providers, and in which kind of text."""
        known = self.providers
        lines: list[tuple[str, str]] = []
        if known.loading_since is not None:
            lines.append(("dim", f"asking for them, {duration(max(0.0, time.time() - known.loading_since))}"))
        elif (failure := known.failure) is not None:
            lines.append(("warning", f"{failure.message} {failure.advice}".strip()))
            lines.append(("dim", "p tries again" + (", the old list:" if known.endpoints else "")))
        elif known.endpoints is None:
            lines.append(("dim", "p asks who offers it: price, uptime, speed"))
        elif not known.endpoints:
            lines.append(("dim", "nobody offers it now"))
        if known.endpoints and known.fetched_at is not None:
            lines.append(("dim", f"as of {clock(known.fetched_at)}, p shows all figures"))
        return lines
