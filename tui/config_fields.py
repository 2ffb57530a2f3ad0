"""Typed reading of configuration fields; what is wrong is noted with its line, and reading goes on."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from tui.config_file import (
    ConfigError,
    MappingNode,
    Node,
    Problem,
    Scalar,
    Sequence,
    replace_variables,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_MAX_PROBLEMS: Final = 50
_MAX_TEXT: Final = 1_000
"""Longest single-line text, in characters; a system prompt may be as long as the file."""
_MAX_DIGITS: Final = 40
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_FLAGS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_NUMBER: Final = re.compile(r"[-+]?(\d[\d_]*(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF|nan|NaN|NAN)")


class Value(msgspec.Struct, frozen=True):
    """A scalar with its variables replaced."""

    text: str
    plain: bool
    line: int
    field: str
    replaced: bool = False
    """Whether a variable stood in it: YAML's quotes then say nothing about its type."""
    used: tuple[str, ...] = ()
    unset: tuple[str, ...] = ()

    @property
    def number(self) -> Decimal | None:
        """The value as a number, exactly as written; None where it is none."""
        if not (self.plain or self.replaced) or not _NUMBER.fullmatch(self.text.strip()):
            return None
        return Decimal(self.text.strip().replace("_", ""))

    @property
    def got(self) -> str:
        """The value for the end of a message; one that came from a variable is not quoted."""
        if self.used:
            return f"got the value of ${{{self.used[0]}}}"
        return f"got {shown(self.text)}" if self.plain else f'got "{shown(self.text)}"'


class Reader:
    """The problems of one file, and its environment."""

    def __init__(self, file: Path | None, environ: Mapping[str, str]) -> None:
        self.file: Final = file
        self.environ: Final = environ
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def wrong(self, text: str, line: int | None = None, field: str | None = None) -> None:
        """Note an error; past the first 50 they are not kept."""
        if len(self.errors) < _MAX_PROBLEMS:
            self.errors.append(Problem(text, self.file, line, field))

    def warn(self, text: str, line: int | None = None, field: str | None = None) -> None:
        """Note a warning; past the first 50 they are not kept."""
        if len(self.warnings) < _MAX_PROBLEMS:
            self.warnings.append(Problem(text, self.file, line, field))

    def check(self) -> None:
        """Raise `ConfigError` where something is wrong."""
        if self.errors:
            raise ConfigError(*self.errors)

    def section(self, node: Node | None, field: str, known: tuple[str, ...]) -> Section:
        """The fields of a mapping; names that are not `known` are warned about, an absent mapping has no fields."""
        if node is None or is_null(node):
            return Section(self, field, {}, node.line if node is not None else None)
        if not isinstance(node, MappingNode):
            self.wrong(f"expected fields, as {known[0]}: …, got {_kind(node)}", node.line, field or None)
            return Section(self, field, {}, node.line)
        for name, line in node.key_lines.items():
            if name not in known:
                self.warn(_unknown(name, known), line, _join(field, shown(name)))
        return Section(self, field, {name: node.entries[name] for name in known if name in node.entries}, node.line)

    def items(self, node: Node | None, field: str, most: int, *, secret: bool = False) -> list[Node]:
        """The items of a list of at most `most`; an absent list has none. What is `secret` is not quoted."""
        if node is None or is_null(node):
            return []
        if not isinstance(node, Sequence):
            got = "text" if secret and isinstance(node, Scalar) else _kind(node)
            self.wrong(f"expected a list, got {got}", node.line, field)
            return []
        if len(node.items) > most:
            self.wrong(f"expected at most {most} items, got {len(node.items)}", node.line, field)
            return []
        return node.items

    def value(self, node: Node | None, field: str, expected: str, *, unset_is_wrong: bool = True) -> Value | None:
        """A scalar with its variables replaced; None where it is absent, null, or wrong (which is noted)."""
        if node is None:
            return None
        if not isinstance(node, Scalar):
            self.wrong(f"expected {expected}, got {_kind(node)}", node.line, field)
            return None
        if is_null(node):
            return None
        replaced = replace_variables(node.text, self.environ)
        if replaced.malformed:
            self.wrong("expected ${NAME} or ${NAME:-default} (write $${ for a plain ${)", node.line, field)
            return None
        if replaced.unset and unset_is_wrong:
            name = replaced.unset[0]
            self.wrong(f"the variable {name} is not set (${{{name}:-…}} gives a default)", node.line, field)
            return None
        if any("\ud800" <= mark <= "\udfff" or mark == "\0" for mark in replaced.text):
            self.wrong(f"expected {expected} in UTF-8", node.line, field)
            return None
        if replaced.text != node.text and not replaced.text and not replaced.unset:
            return None
        changed = replaced.text != node.text
        return Value(replaced.text, node.plain, node.line, field, changed, replaced.used, replaced.unset)


class Section:
    """The known fields of one mapping, read one by one; wrong ones are noted and give the default."""

    def __init__(self, reader: Reader, field: str, nodes: dict[str, Node], line: int | None) -> None:
        self.reader: Final = reader
        self.field: Final = field
        self.nodes: Final = nodes
        self.line: Final = line

    def path(self, name: str) -> str:
        """The field's whole name, as `llm_providers[0].limits.req_per_min`."""
        return _join(self.field, shown(name))

    def _value(self, name: str, expected: str) -> Value | None:
        return self.reader.value(self.nodes.get(name), self.path(name), expected)

    def _wrong(self, value: Value, expected: str) -> None:
        self.reader.wrong(f"expected {expected}, {value.got}", value.line, value.field)

    def text(self, name: str, expected: str = "text") -> str | None:
        """Text on one line without control characters."""
        value = self._value(name, expected)
        return line_of_text(self.reader, value, expected) if value is not None else None

    def long_text(self, name: str) -> str | None:
        """Text of any length and number of lines."""
        value = self._value(name, "text")
        if value is not None and _is_text(value):
            return value.text
        if value is not None:
            self._wrong(value, "text (in quotes)")
        return None

    def texts(self, name: str, most: int) -> tuple[str, ...]:
        """A list of texts, or one text."""
        node = self.nodes.get(name)
        field = self.path(name)
        if isinstance(node, Scalar):
            text = self.long_text(name)
            return (text,) if text else ()
        read: list[str] = []
        for number, item in enumerate(self.reader.items(node, field, most)):
            value = self.reader.value(item, f"{field}[{number}]", "text")
            if value is not None and _is_text(value):
                read.append(value.text)
            elif value is not None:
                self._wrong(value, "text (in quotes)")
        return tuple(text for text in read if text)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._value(name, "true or false")
        if value is None:
            return default
        if (value.plain or value.replaced) and value.text.strip().lower() in _FLAGS:
            return _FLAGS[value.text.strip().lower()]
        self._wrong(value, "true or false")
        return default

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """One of a few words."""
        expected = ", ".join(choices[:-1]) + f" or {choices[-1]}"
        value = self._value(name, expected)
        if value is None:
            return default
        if value.text in choices:
            return value.text
        self._wrong(value, expected)
        return default

    def whole(self, name: str, least: int, most: int = 1_000_000_000) -> int | None:
        """A whole number."""
        expected = f"a whole number from {least}" + (f" to {most}" if most < 1_000_000_000 else "")
        number = self._number(name, expected, Decimal(least), Decimal(most))
        if number is None:
            return None
        if number != int(number):
            self.reader.wrong(
                f"expected {expected}, got {shown(f'{number:f}')}", self.nodes[name].line, self.path(name)
            )
            return None
        return int(number)

    def amount(self, name: str) -> Decimal | None:
        """An amount of USD, 0 or more, exactly as written."""
        return self._number(name, "an amount in USD from 0 (as 2.50)", Decimal(0), Decimal(1_000_000_000))

    def fraction(self, name: str, most: int) -> float | None:
        """A number from 0 to `most`."""
        number = self._number(name, f"a number from 0 to {most}", Decimal(0), Decimal(most))
        return float(number) if number is not None else None

    def _number(self, name: str, expected: str, least: Decimal, most: Decimal) -> Decimal | None:
        value = self._value(name, expected)
        if value is None:
            return None
        number = value.number if len(value.text) <= _MAX_DIGITS else None
        if number is None or not least <= number <= most:
            self._wrong(value, expected)
            return None
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_MAX_DIGITS:
            self._wrong(value, expected)
            return None
        return number.copy_abs()  # -0 is 0


def is_null(node: Node) -> bool:
    """Whether nothing, `~` or null stands there."""
    return isinstance(node, Scalar) and node.plain and node.text in _NULL


def line_of_text(reader: Reader, value: Value, expected: str) -> str | None:
    """The value as text on one line; None where it is not (which is noted) or blank."""
    if not _is_text(value):
        reader.wrong(f"expected {expected} (in quotes), {value.got}", value.line, value.field)
        return None
    text = value.text.strip()
    if len(text) > _MAX_TEXT or not text.isprintable():
        reader.wrong(f"expected {expected} on one line, at most {_MAX_TEXT} characters", value.line, value.field)
        return None
    return text or None


def _is_text(value: Value) -> bool:
    """Whether YAML would read the value as text; what a variable stands in always may be."""
    if not value.plain or value.replaced:
        return True
    text = value.text
    return not (_NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text) or text.lower() in ("true", "false"))


def _kind(node: Node) -> str:
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, MappingNode):
        return "fields"
    if "${" in node.text:
        return "text"
    return f"{shown(node.text)}" if node.plain else f'"{shown(node.text)}"'


def _join(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _unknown(name: str, known: tuple[str, ...]) -> str:
    import difflib

    nearest = difflib.get_close_matches(name[:100].lower(), known, n=1, cutoff=0.5)
    return "unknown field, ignored" + (f" (did you mean {nearest[0]}?)" if nearest else "")
