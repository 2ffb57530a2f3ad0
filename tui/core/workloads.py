"""The workload that models are compared by: typed, and remembered across restarts."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import asdict

from tui.core.formats import count
from tui.core.prices import Workload
from tui.openrouter.text import Clean

LARGEST: Final = 10**12
_FACTORS: Final = {"": 1, "k": 1_000, "m": 1_000_000}


def read_count(text: str) -> int | None:
    """A count as people type it: `2000`, `2,000`, `2k`, `1.5m`; None when it is none or absurd."""
    typed = re.fullmatch(r"(\d{1,20}\.?\d{0,6})([km]?)", re.sub(r"[,_\s]", "", text.lower()), re.ASCII)
    if typed is None:
        return None
    number = Decimal(typed[1]) * _FACTORS[typed[2]]
    return int(number) if number <= LARGEST and number == number.to_integral_value() else None


def remembered_workload(value: object) -> Workload:
    """What was remembered, or the usual one where that is none."""
    try:
        workload = msgspec.convert(value, Workload)
    except msgspec.ValidationError:
        return Workload()
    counts = asdict(workload).values()
    good = all(0 <= number <= LARGEST for number in counts) and workload.cached_tokens <= workload.prompt_tokens
    return workload if good else Workload()


def workload_words(workload: Workload) -> Clean:
    """The workload in words: `1,000 requests a month, each 2,000 (500 cached) in, 500 out`."""
    cached = f" ({count(workload.cached_tokens)} cached)" if workload.cached_tokens else ""
    tokens = f"{count(workload.prompt_tokens)}{cached} in, {count(workload.completion_tokens)} out"
    return Clean(f"{count(workload.requests)} requests a month, each {tokens}")
