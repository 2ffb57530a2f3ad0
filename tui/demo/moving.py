"""Catalogue rows that change while the server runs, so that what changed can be seen: invented, as their author says.

All other rows stay as they are: their prices are true facts. Time goes in steps of a minute (`--moves-every`); what
stands in the list at a step depends on the seed and the number of the step alone, so two servers agree, and a server
that is started again goes on where the clock is. At each step one guest comes and the oldest of three goes; the other
rows move every step, or every few: prices up and down, one between free and paid, a context length, an expiry. Whoever
runs `ortui --demo`, waits a minute and loads the list again (`r`), or comes back later, has something to look at.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from tui.demo.oddities import odd_row
from tui.demo.settings import Row, Settings

_FACTORS: Final = (50, 75, 80, 90, 100, 110, 125, 150, 200)
"""Per cent of the base price."""
_PRICES: Final = (
    # name, prompt and completion in thousand-millionths of a USD per token, steps between moves
    ("moving-price", 400, 1_600, 1),
    ("moving-price-slowly", 2_000, 8_000, 3),
    ("moving-price-hourly", 150, 600, 60),
    ("moving-price-daily", 3_000, 15_000, 1_440),
)
_CONTEXTS: Final = (32_768, 65_536, 131_072, 262_144)
_EXPIRIES: Final = (None, 12, 45, None, 90)
"""Days from today."""
GUEST: Final = "oddities/guest-"
_GUESTS: Final = 3
_NAMED_GUESTS: Final = 100_000


def moving_rows(settings: Settings, step: int, now: datetime) -> list[Row]:
    """What the list has of them at a step; `now` dates the expiry."""
    rows = []
    for name, prompt, completion, every in _PRICES:
        dice = settings.dice("moving", name, step // every)
        rows.append(
            odd_row(
                f"oddities/{name}",
                f"a price that moves every {every} steps",
                prompt=_usd(prompt, dice.choice(_FACTORS)),
                completion=_usd(completion, dice.choice(_FACTORS)),
            )
        )
    paid = step // 4 % 2
    rows.append(
        odd_row(
            "oddities/moving-free",
            "free now and then",
            prompt=_usd(200 * paid, 100),
            completion=_usd(800 * paid, 100),
        )
    )
    context = settings.dice("moving", "context", step // 2).choice(_CONTEXTS)
    rows.append(odd_row("oddities/moving-context", "context of the moment", context=context))
    days = settings.dice("moving", "expiry", step // 3).choice(_EXPIRIES)
    expiry = None if days is None else (now + timedelta(days=days)).date().isoformat()
    rows.append(odd_row("oddities/moving-expiry", "goes, or does not") | {"expiration_date": expiry})
    for back in range(_GUESTS):
        number = (step - back) % _NAMED_GUESTS
        # Not dated now: they are new to the list, and need not stand above all real models for it.
        rows.append(odd_row(f"{GUEST}{number:05}", f"guest number {number}"))
    return rows


def step_at(settings: Settings, listings: int) -> int:
    """Which step it is: by the clock, or with `--moves-every 0` by how often the list was asked for."""
    if settings.moves_every <= 0:
        return listings
    return int(datetime.now(UTC).timestamp() // settings.moves_every)


def _usd(billionths: int, per_cent: int) -> str:
    """USD per token as the catalogue writes it."""
    text = f"{billionths * per_cent / 1e11:.11f}".rstrip("0").rstrip(".")
    return text or "0"
