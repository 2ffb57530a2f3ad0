"""What goes into a column and what comes out of it.

Money is TEXT and becomes `Decimal`; foreign strings that SQLite cannot take as text (lone surrogates) are kept as
bytes; text is cleaned on reading too, because the file may have been written by another version or another program.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast, get_args, get_type_hints

import msgspec

from tui.core.ledger import MONEY
from tui.openrouter.text import Clean, Opaque, clean, clean_line

Row: TypeAlias = sqlite3.Row
T = TypeVar("T")

_MOST_DIGITS: Final = 40
_SECONDS_A_DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, with the write lock taken at the start; inside another transaction it joins that one."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # SQLite itself rolls back when the disk is full
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def data_version(connection: sqlite3.Connection) -> int:
    """Changes when another process has written; our own writes leave it as it is."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def file_marks(path: Path) -> tuple[tuple[int, int], ...]:
    """Size and time of the last change of the file and of its log; the same as before: nobody has written, as a rule.

    Costs some microseconds and no thread, unlike asking SQLite.
    """
    marks = []
    for suffix in ("", "-wal"):
        try:
            status = Path(f"{path}{suffix}").stat()
        except OSError:
            marks.append((-1, 0))
        else:
            marks.append((status.st_size, status.st_mtime_ns))
    return tuple(marks)


def money_in(amount: Decimal | None) -> str | None:
    """The column of an amount; an absurd one (not finite, over 40 digits) is unknown."""
    if amount is None or not amount.is_finite() or abs(amount.adjusted()) > _MOST_DIGITS:
        return None if amount is None or amount else "0"
    return f"{amount:f}"


def money_out(column: object) -> Decimal | None:
    """The amount of a column; None when it is empty or no amount."""
    if not isinstance(column, str):
        return None
    try:
        amount = Decimal(column)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def add(amounts: Iterable[Decimal | None]) -> Decimal:
    """The exact sum; None counts as nothing."""
    total = Decimal(0)
    for amount in amounts:
        if amount is not None:
            total = MONEY.add(total, amount)
    return total


def text_in(text: str) -> str | bytes:
    """The column of a foreign string: bytes where it holds what UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def text_out(column: object) -> str:
    """The string as it came."""
    if isinstance(column, bytes):
        try:
            return column.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            return column.decode("utf-8", "replace")
    return "" if column is None else str(column)


def opaque_in(value: Opaque | None) -> str | bytes | None:
    return None if value is None else text_in(value.raw)


def opaque_out(column: object) -> Opaque | None:
    return None if column is None else Opaque(text_out(column))


def id_in(own_id: str) -> str | bytes:
    """The column of an id of our own: half as long in the file where it is a UUID in hexadecimal."""
    if len(own_id) == 32:
        try:
            packed = bytes.fromhex(own_id)
        except ValueError:
            return text_in(own_id)
        if packed.hex() == own_id:
            return packed
    return text_in(own_id)


def id_out(column: object) -> str:
    """The id as it was."""
    return column.hex() if isinstance(column, bytes) and len(column) == 16 else text_out(column)


def clean_out(column: object) -> Clean:
    """Text of several lines."""
    return clean(text_out(column))


def line_out(column: object) -> Clean:
    """A name, a title, an error sentence: one line."""
    return clean_line(text_out(column))


def line_or_none(column: object) -> Clean | None:
    """The same where there may be none; the names of models come back in every row."""
    if column is None:
        return None
    text = text_out(column)
    return _clean_name(text) if len(text) < _NAME else clean_line(text)


_NAME: Final = 200
_clean_name: Final = lru_cache(256)(clean_line)


def int_or_none(column: object) -> int | None:
    return column if isinstance(column, int) else None


def word_id(connection: sqlite3.Connection, text: str | None) -> int | None:
    """The number under which a string that returns in many rows (model, provider, key …) is kept once."""
    if text is None:
        return None
    column = text_in(text)
    row = connection.execute("SELECT id FROM word WHERE text = ?", (column,)).fetchone()
    if row is not None:
        return int(row[0])
    return connection.execute("INSERT INTO word (text) VALUES (?)", (column,)).lastrowid


def known_word_id(connection: sqlite3.Connection, text: str | None) -> int | None:
    """The same for reading: None when no row can hold it."""
    if text is None:
        return None
    row = connection.execute("SELECT id FROM word WHERE text = ?", (text_in(text),)).fetchone()
    return None if row is None else int(row[0])


def word(connection: sqlite3.Connection, number: object) -> str | None:
    """The string kept under a number."""
    if number is None:
        return None
    row = connection.execute("SELECT text FROM word WHERE id = ?", (number,)).fetchone()
    return None if row is None else text_out(row[0])


def day_number(unix: float) -> int:
    """The UTC day, counted from 1970-01-01."""
    return int(unix // _SECONDS_A_DAY)


def day_name(number: int) -> str:
    """`YYYY-MM-DD`; a day that no calendar has (a clock gone wild) is the nearest that it has."""
    return (_EPOCH + timedelta(days=min(max(number, -719_162), 2_932_896))).isoformat()


def day_of_name(name: str) -> int:
    """The number of `YYYY-MM-DD`; ValueError when it is none."""
    return (date.fromisoformat(name) - _EPOCH).days


def week_start(number: int) -> int:
    """The Monday of the week in which a day lies."""
    return number - (number + 3) % 7  # 1970-01-01 was a Thursday


def month_start(number: int) -> int:
    """The first day of the month in which a day lies."""
    return day_of_name(day_name(number)[:8] + "01")


def to_json(value: object) -> str:
    """JSON in ASCII, so that lone surrogates survive; structs, Decimal and Opaque become what `from_json` reads."""
    import json

    return json.dumps(msgspec.to_builtins(value, enc_hook=_opaque_raw), separators=(",", ":"))


def json_out(column: object) -> Any:
    """The value of a JSON column; None when it holds no JSON."""
    if column is None:
        return None
    text = text_out(column)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _json_with_oddities(text)


def _json_with_oddities(text: str) -> Any:
    """What strict JSON does not allow and `to_json` writes all the same: lone surrogates, numbers that are none."""
    import json

    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def from_json(kind: type[T], value: object, default: T) -> T:
    """A struct from what `to_json` wrote; a field that another version wrote otherwise gets its default.

    Strings of the type `Clean` are cleaned. Where even the whole cannot be made (a required field is gone), the answer
    is `default`.
    """
    if not isinstance(value, dict):
        return default
    fields: dict[str, Any] = {}
    for name, hint in _hints(cast(Any, kind)).items():
        if name in value:
            converted = _converted(hint, value[name])
            if converted is not _BROKEN:
                fields[name] = converted
    try:
        return kind(**fields)
    except TypeError:
        return default


def list_from_json(kind: type[T], value: object) -> tuple[T, ...]:
    """A list of structs, without the entries that cannot be read."""
    if not isinstance(value, list):
        return ()
    entries: list[T] = []
    for entry in value:
        converted = _converted(kind, entry)
        if converted is not _BROKEN:
            entries.append(converted)
    return tuple(entries)


def json_decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """For `quick_json`."""
    return msgspec.json.Decoder(kind, strict=False, dec_hook=_opaque_of)


def quick_json(decoder: msgspec.json.Decoder[T], column: object) -> T | None:
    """What `to_json` wrote, several times as fast as by `from_json`; None where that has to look more closely.

    Printable text without escapes holds nothing that would have to be cleaned.
    """
    if not isinstance(column, str) or "\\" in column or not column.isprintable():
        return None
    try:
        return decoder.decode(column)
    except (msgspec.DecodeError, ValueError, TypeError, RecursionError):
        return None


_BROKEN: Final = object()


@cache
def _hints(kind: type[Any]) -> dict[str, Any]:
    return get_type_hints(kind)


def _converted(hint: Any, value: object) -> Any:
    import msgspec

    try:
        return msgspec.convert(_cleaned(hint, value), hint, strict=False, dec_hook=_opaque_of)
    except (msgspec.ValidationError, ValueError, TypeError, RecursionError):
        return _BROKEN


def _cleaned(hint: Any, value: object) -> object:
    """Clean what is drawn: `Clean` fields of the type and of structs in it."""
    if isinstance(value, str):
        return clean(value) if hint is Clean or Clean in get_args(hint) else value
    if isinstance(value, dict):
        inner = next((kind for kind in (hint, *get_args(hint)) if hasattr(kind, "__struct_fields__")), None)
        if inner is None:
            return value
        hints = _hints(inner)
        return {name: _cleaned(hints.get(name, object), entry) for name, entry in value.items()}
    if isinstance(value, list):
        inner = next(iter(get_args(hint)), object)
        return [_cleaned(inner, entry) for entry in value]
    return value


def _opaque_raw(value: object) -> object:
    if isinstance(value, Opaque):
        return value.raw
    raise TypeError(type(value).__name__)


def _opaque_of(kind: type[Any], value: object) -> object:
    if kind is Opaque and isinstance(value, str):
        return Opaque(value)
    raise ValueError(f"no {kind.__name__}")
