"""One line on every view: what is spent, what runs, what is left, most important first."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import ClassVar

import msgspec
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from typing_extensions import override

from tui.config_types import Settings
from tui.core import formats
from tui.core.events import JobState
from tui.core.ledger import KeyState, KeyUse, SpendRow
from tui.core.resets import STALE_S, next_midnight, next_reset
from tui.core.state import State
from tui.openrouter.text import Clean, clean_line


class Level(Enum):
    """How near a limit is; the mark stands beside the figure because colour alone says nothing to many."""

    FINE = ""
    NEAR = " !"
    """80 % used."""
    FULL = " !!"
    """95 % used."""


class Part(msgspec.Struct, frozen=True):
    """One figure of the strip."""

    name: str
    text: Clean
    level: Level = Level.FINE
    ticks: bool = False
    """Changes by itself as time passes, within minutes."""

    @property
    def shown(self) -> str:
        return self.text + self.level.value


def level_of(used: Decimal | float, limit: Decimal | float) -> Level:
    """Near from 80 %, full from 95 %; a limit of 0 has no level."""
    if limit <= 0:
        return Level.FINE
    share = float(used) / float(limit)
    return Level.FULL if share >= 0.95 else Level.NEAR if share >= 0.8 else Level.FINE


def sum_text(row: SpendRow | None) -> Clean:
    """What a sum came to: with `~` while estimates are in it, `–` when nothing is known."""
    if row is None or (row.unknown and row.unknown == row.requests):
        return formats.UNKNOWN
    text = formats.money(row.total_usd)
    return Clean(f"~{text}") if row.estimated_usd else text


def budget_bar(used: Decimal, limit: Decimal) -> str:
    """How much of a budget is used, in one cell."""
    share = float(used / limit) if limit > 0 else 1.0
    return "▁▂▃▄▅▆▇█"[max(0, min(7, int(share * 8)))]


def strip_parts(state: State, settings: Settings, now: float, *, narrow: bool = False) -> list[Part]:
    """The figures that there are to show, most important first. `now` is Unix seconds; `narrow` says less of each."""
    parts = [Part("demo", Clean("DEMO"))] if settings.demo else []
    parts += _spent(state, settings, narrow)
    parts += _running(state, now, narrow)
    parts += _troubled_keys(state, now)
    parts += _left(state, now)
    parts += _free(state, now, narrow)
    parts += _per_minute(state, narrow)
    return parts


def _spent(state: State, settings: Settings, narrow: bool) -> list[Part]:
    spend = state.spend
    budget = settings.budget
    today = sum_text(spend.today if spend else None)
    level = Level.FINE
    text = f"today {today}"
    if budget.day is not None:
        text += f"/{_limit_text(budget.day, narrow)}"
        if spend:
            used = spend.used_usd("day")
            level = level_of(used, budget.day)
            text += f" {budget_bar(used, budget.day)}"
    parts = [Part("today", Clean(text), level)]
    if spend is None:
        return parts
    others = [
        (name, row, limit, used)
        for name, row, limit, used in (
            ("session", spend.session, budget.session, spend.used_usd("session")),
            ("month", spend.month, budget.month, spend.used_usd("month")),
        )
        if limit is not None
    ]
    tightest = max(others, key=lambda other: other[3] / (other[2] or Decimal(1)), default=None)
    for other in others:
        name, row, limit, used = other
        near = level_of(used, limit)
        # One budget is always to be seen; the others once they are near.
        if near is not Level.FINE or (budget.day is None and other is tightest):
            said = f"{name} {sum_text(row)}/{_limit_text(limit, narrow)} {budget_bar(used, limit)}"
            parts.append(Part(name, Clean(said), near))
    return parts


def _limit_text(limit: Decimal, narrow: bool) -> str:
    text = formats.money(limit)[1:]
    return text.removesuffix(".00") if narrow else text


def _running(state: State, now: float, narrow: bool) -> list[Part]:
    parts = []
    if state.streaming:
        receipts = state.running_receipts()
        known = [receipt.cost.usd for receipt in receipts if receipt.cost.usd is not None]
        cost: str = formats.UNKNOWN
        if known:
            cost = f"~{formats.money(sum(known, Decimal(0)))}"
            if len(known) < len(state.streaming):
                cost = f"≥{cost}"
        speed = sum(receipt.tokens_per_second or 0.0 for receipt in receipts)
        count = f"{len(state.streaming)}× " if len(state.streaming) > 1 else ""
        unit = "t/s" if narrow else " tok/s"
        parts.append(Part("running", Clean(f"{count}{cost} {speed:.0f}{unit}" if speed >= 0.5 else f"{count}{cost} …")))
    waits = [
        job.wait_until for job in state.jobs.values() if job.state is JobState.WAITING and job.wait_until is not None
    ]
    if waits:
        parts.append(Part("waits", Clean(f"waits {formats.short_duration(max(0.0, min(waits) - now))}"), ticks=True))
    return parts


def _troubled_keys(state: State, now: float) -> list[Part]:
    parts = []
    for key in state.keys:
        match key.state:
            case KeyState.RESTING if key.until is not None and key.until <= now:
                pass  # it has rested; the worker says so when it is next used
            case KeyState.RESTING:
                rest = f" {formats.short_duration(max(0.0, key.until - now))}" if key.until is not None else ""
                parts.append(Part("resting", Clean(f"{key.tail} rests{rest}"), Level.NEAR, ticks=key.until is not None))
            case KeyState.DEAD:
                parts.append(Part("dead", Clean(f"{key.tail} refused"), Level.FULL))
            case KeyState.EMPTY:
                parts.append(Part("empty", Clean(f"{key.tail} empty"), Level.FULL))
            case KeyState.READY:
                pass
    return parts


def _left(state: State, now: float) -> list[Part]:
    quota = state.quota
    if quota is None:
        return []
    old = ""
    if quota.failure is not None or now - quota.as_of > STALE_S:
        old = f" ({formats.short_duration(max(0.0, now - quota.as_of))} old)"
    key = quota.key
    if key is not None and key.limit is not None and key.limit_remaining is not None:
        reset = next_reset(key.limit_reset, now)
        countdown = f" {formats.short_duration(reset - now)}" if reset is not None else ""
        level = level_of(key.limit - key.limit_remaining, key.limit) if key.limit > 0 else Level.FULL
        return [Part("key", Clean(f"key {formats.money(key.limit_remaining)}{countdown}{old}"), level)]
    if quota.credits is not None:
        left = quota.credits.total_credits - quota.credits.total_usage
        level = level_of(quota.credits.total_usage, quota.credits.total_credits)
        level = Level.FULL if left <= 0 else level
        return [Part("credits", Clean(f"credits {formats.money(left)}{old}"), level)]
    if quota.failure is not None and key is None:
        return [Part("key", Clean("key –"))]
    return []


def _free(state: State, now: float, narrow: bool) -> list[Part]:
    free = state.free
    if free is None or not (free.day_used or free.minute_used):
        return []
    least = "≥" if free.at_least else ""
    resets = free.resets_at or next_midnight(now)
    countdown = "" if narrow else f" {formats.short_duration(max(0.0, resets - now))}"
    level = level_of(free.day_used, free.day_limit)
    parts = [Part("free", Clean(f"free {least}{free.day_used}/{free.day_limit}{countdown}"), level)]
    minute = level_of(free.minute_used, free.minute_limit)
    if minute is not Level.FINE:
        parts.append(Part("free-minute", Clean(f"free {free.minute_used}/{free.minute_limit} this min"), minute))
    return parts


def _per_minute(state: State, narrow: bool) -> list[Part]:
    """Of the key that is nearest to its limits."""

    def share(key: KeyUse) -> float:
        limits = key.limits
        return max(
            key.requests_60s / limits.req_per_min if limits.req_per_min else 0.0,
            key.tokens_60s / limits.tokens_per_min if limits.tokens_per_min else 0.0,
        )

    if not state.keys:
        return []
    key = max(state.keys, key=lambda key: (share(key), key.requests_60s))
    parts = []
    figures = (
        ("rpm", key.requests_60s, key.limits.req_per_min),
        ("tpm", key.tokens_60s, key.limits.tokens_per_min),
    )
    if narrow and all(limit for _, _, limit in figures):
        said = " ".join(f"{formats.length(used)}/{formats.length(limit)}" for _, used, limit in figures)
        return [Part("rpm", Clean(f"{said}/min"), _worst([level_of(used, limit) for _, used, limit in figures]))]
    for unit, used, limit in figures:
        if limit:
            text = f"{formats.short_count(used)}/{formats.short_count(limit)} {unit}"
            parts.append(Part(unit, Clean(text), level_of(used, limit)))
        elif used:
            parts.append(Part(unit, Clean(f"{formats.short_count(used)} {unit}")))
    return parts


def _worst(levels: list[Level]) -> Level:
    return max(levels, key=lambda level: len(level.value))


class MeterStrip(Widget):
    """Draws `strip_parts`; asleep while its view is hidden, and wakes by itself only while a shown part counts down."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "meter-strip--between",
        "meter-strip--near",
        "meter-strip--full",
        "meter-strip--demo",
    }
    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "MeterStrip { height: 1; split: bottom; }"
    _BETWEEN: ClassVar[str] = " ▎ "
    _NARROW_BETWEEN: ClassVar[str] = "▎"

    def __init__(self, settings: Settings, state: State, now: Callable[[], float]) -> None:
        super().__init__()
        self._settings = settings
        self._state = state
        self._now = now
        self._parts: list[Part] = []
        self._between = self._BETWEEN
        self._timer: Timer | None = None
        self._awake = True

    def on_mount(self) -> None:
        self._timer = self.set_interval(1.0, self.show_figures, pause=True)
        self.show_figures()

    def on_resize(self) -> None:
        self.show_figures()

    def wake(self) -> None:
        """The view is shown."""
        self._awake = True
        self.show_figures()

    def sleep(self) -> None:
        """The view is hidden: nothing ticks."""
        self._awake = False
        if self._timer is not None:
            self._timer.pause()

    def show_figures(self) -> None:
        """Draw the figures as they stand now, if they changed."""
        if not self._awake or not self.is_mounted:
            return
        now = self._now()
        between = self._BETWEEN
        every = strip_parts(self._state, self._settings, now)
        parts = self._fitting(every, between)
        if len(parts) < len(every):
            # Where not all fit, each says less before the last say nothing.
            between = self._NARROW_BETWEEN
            parts = self._fitting(strip_parts(self._state, self._settings, now, narrow=True), between)
        if self._timer is not None:
            if any(part.ticks for part in parts):
                self._timer.resume()
            else:
                self._timer.pause()
        if (parts, between) != (self._parts, self._between):
            self._parts, self._between = parts, between
            self.refresh()

    def _fitting(self, parts: list[Part], between: str) -> list[Part]:
        room = self.size.width - 1
        fitting: list[Part] = []
        for part in parts:
            room -= Content(part.shown).cell_length + (len(between) if fitting else 0)
            if room < 0:
                break
            fitting.append(part)
        return fitting

    @override
    def render(self) -> Content:
        between = (self._between, self.get_visual_style("meter-strip--between", partial=True))
        pieces: list[object] = [" "]
        for part in self._parts:
            if len(pieces) > 1:
                pieces.append(between)
            pieces.append(self._drawn(part))
        return Content.assemble(*pieces)  # type: ignore[arg-type]

    def _drawn(self, part: Part) -> Content:
        content = Content(clean_line(part.shown))
        match part.level:
            case Level.NEAR:
                return content.stylize(self.get_visual_style("meter-strip--near", partial=True))
            case Level.FULL:
                return content.stylize(self.get_visual_style("meter-strip--full", partial=True))
            case Level.FINE:
                if part.name == "demo":
                    return content.stylize(self.get_visual_style("meter-strip--demo", partial=True))
                return content
