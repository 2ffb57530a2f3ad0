"""Reading JSON that may be malformed: what is wrong becomes None, everything else is kept.

The fast decoders know the shapes they expect; this is what they fall back on, field by field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from tui.openrouter.text import Clean, Opaque, clean, clean_line

if TYPE_CHECKING:
    from json import JSONDecoder

_LONGEST_NUMBER: Final = 60
_MOST_DIGITS: Final = 40
_LARGEST_COUNT: Final = 2**53


class NotJson(ValueError):
    """The bytes are no JSON, whatever one forgives."""


def loads(body: bytes | str, *, exact: bool = True) -> object:
    """Parse JSON, forgiving lone surrogates, broken UTF-8, raw control characters, a BOM and absurd numbers.

    Numbers with a fraction are `Decimal`, unless they need not be `exact`. Raises `NotJson`.
    """
    text = body if isinstance(body, str) else _text(body)
    try:
        parsed: object = _decoder(exact).decode(text.lstrip("\ufeff \r\n\t"))
    except (ValueError, RecursionError):
        raise NotJson("not JSON") from None
    return parsed


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return body.decode("utf-8", "replace")


def _number(text: str) -> Decimal | None:
    if len(text) > _LONGEST_NUMBER:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _integer(text: str) -> int | None:
    return int(text) if len(text) <= _LONGEST_NUMBER else None


def _no_number(_name: str) -> None:
    """`NaN` and `Infinity`, which are no JSON, but some servers write them."""


@lru_cache
def _decoder(exact: bool) -> JSONDecoder:
    from json import JSONDecoder  # what is as it should be never comes here

    if exact:
        return JSONDecoder(parse_float=_number, parse_int=_integer, parse_constant=_no_number, strict=False)
    return JSONDecoder(parse_int=_integer, parse_constant=_no_number, strict=False)


def as_mapping(value: object) -> Mapping[str, object]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[object]:
    """The array, or an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str | None:
    """The string when there is one that says something."""
    return value if isinstance(value, str) and value else None


def as_clean(value: object) -> Clean | None:
    """A string of any number of lines, cleaned; None when empty or no string."""
    return clean(value) if isinstance(value, str) and value else None


def as_line(value: object) -> Clean | None:
    """A string on one line, cleaned; None when empty or no string."""
    return clean_line(value) if isinstance(value, str) and value else None


def as_opaque(value: object) -> Opaque | None:
    """A string that can be sent back as it came; None when empty, no string, or no text that UTF-8 can carry."""
    if not isinstance(value, str) or not value or not can_be_sent(value):
        return None
    return Opaque(value)


def can_be_sent(text: str) -> bool:
    """Whether UTF-8 can carry the text: lone surrogates it cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_bool(value: object) -> bool | None:
    """True or False when it is one."""
    return value if isinstance(value, bool) else None


def as_count(value: object) -> int | None:
    """A whole number of things, 0 or more, also when written `12.0` or `"12"`; None when absurd."""
    number = as_decimal(value)
    if number is None or not 0 <= number <= _LARGEST_COUNT or number != number.to_integral_value():
        return None
    return int(number)


def as_int(value: object) -> int | None:
    """A whole number of either sign; None when absurd."""
    number = as_decimal(value)
    if number is None or abs(number) > _LARGEST_COUNT or number != number.to_integral_value():
        return None
    return int(number)


def as_float(value: object) -> float | None:
    """A finite measurement."""
    number = as_decimal(value)
    if number is None:
        return None
    as_binary = float(number)
    return as_binary if math.isfinite(as_binary) else None


def as_decimal(value: object) -> Decimal | None:
    """A finite decimal of at most 40 digits from a JSON number or string; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _LONGEST_NUMBER or not text.isascii() or "_" in text:
            return None
        try:
            value = Decimal(text)
        except InvalidOperation:
            return None
    elif isinstance(value, int):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return None
    if not value:
        return Decimal(0)
    digits = len(value.as_tuple().digits)
    too_long = digits > _MOST_DIGITS or abs(value.adjusted()) >= _MOST_DIGITS
    return None if too_long else value


def as_money(value: object) -> Decimal | None:
    """USD that were charged: a decimal that is not negative."""
    amount = as_decimal(value)
    return None if amount is None or amount < 0 else amount
