"""The configuration file: YAML read into nodes that know their line, and the problems that are found in it."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import yaml

MAX_BYTES: Final = 1_000_000
"""A larger file is not read: no configuration is that long, and it may be something else altogether."""
_MAX_DEPTH: Final = 32
_MAX_SHOWN: Final = 60

_KEY_LIKE: Final = re.compile(r"sk-[^\s\"',\]}]*", re.IGNORECASE)
_TOKEN_LIKE: Final = re.compile(r"(?=[A-Za-z_\-+=]*\d)[A-Za-z0-9_\-+=]{20,}")


def shown(text: str) -> str:
    """A value from the file or a flag as messages may quote it: keys masked, controls visible, cut to 60 characters."""
    masked = _TOKEN_LIKE.sub("…", _KEY_LIKE.sub("sk-…", text))
    if not masked.isprintable():
        masked = "".join(
            mark if mark.isprintable() else mark.encode("unicode_escape", "surrogatepass").decode("ascii")
            for mark in masked
        )
    return masked if len(masked) <= _MAX_SHOWN else masked[: _MAX_SHOWN - 1] + "…"


def shown_path(path: Path) -> str:
    """A path as one line that can be printed, uncut."""
    text = str(path)
    return text if text.isprintable() else text.encode("unicode_escape", "surrogatepass").decode("ascii")


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong with the configuration, or worth a warning, and where it stands."""

    text: str
    file: Path | None = None
    line: int | None = None
    field: str | None = None

    @override
    def __str__(self) -> str:
        where = ""
        if self.file is not None:
            where = shown_path(self.file) + (f":{self.line}" if self.line is not None else "") + ": "
        return f"{where}{self.field}: {self.text}" if self.field else f"{where}{self.text}"


class ConfigError(Exception):
    """The configuration cannot be used; its text is one line with file, line, field and what was expected."""

    def __init__(self, *problems: Problem) -> None:
        self.problems: Final = problems
        more = len(problems) - 1
        super().__init__(f"{problems[0]}{f' (and {more} more: see `ortui config check`)' if more else ''}")


class Scalar(msgspec.Struct, frozen=True):
    """A value: `plain` ones may be numbers, true, false or null, quoted ones are always text."""

    text: str
    plain: bool
    line: int


class Sequence(msgspec.Struct, frozen=True):
    """A list."""

    items: list[Node]
    line: int


class MappingNode(msgspec.Struct, frozen=True):
    """Fields with their names, and the line that each name stands on."""

    entries: dict[str, Node]
    key_lines: dict[str, int]
    line: int


Node: TypeAlias = Scalar | Sequence | MappingNode


def read_text(path: Path) -> str:
    """The file's text; raises `ConfigError` with a sentence where it cannot be read, is no UTF-8 or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(Problem("there is no such file", path)) from None
    except IsADirectoryError:
        raise ConfigError(Problem("this is a folder, expected a file", path)) from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "the path is not valid"
        # Windows says "permission denied" for folders
        what = "this is a folder, expected a file" if _is_folder(path) else f"the file cannot be read: {why}"
        raise ConfigError(Problem(what, path)) from None
    if len(data) > MAX_BYTES:
        raise ConfigError(Problem(f"the file is larger than {MAX_BYTES:,} bytes, too large for a configuration", path))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(Problem("the file is not UTF-8 text", path, line)) from None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


class _LaterPattern:
    """A pattern that is compiled when it is first used."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._arguments = pattern, flags

    def __getattr__(self, name: str) -> object:
        return getattr(re.compile(*self._arguments), name)


def _import_yaml() -> ModuleType:
    """PyYAML, without compiling what only its parser in Python needs.

    Compiling its patterns takes as long as the rest of the import; where libyaml does the parsing none is used.
    """
    if "yaml" not in sys.modules and threading.active_count() == 1:
        compile_now = re.compile
        re.compile = _LaterPattern  # type: ignore[assignment]
        try:
            import yaml
        finally:
            re.compile = compile_now
    import yaml

    return yaml


def parse(text: str, file: Path | None = None) -> Node | None:
    """The one YAML document in `text`, or None where there is none; raises `ConfigError` with the line.

    Built from the parser's events, not by PyYAML's constructors: no tag can make an object, nothing recurses, every
    node keeps its line, and numbers stay as they were written.
    """
    yaml = _import_yaml()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Builder(file).build(yaml.parse(text, Loader=loader))
    except yaml.reader.ReaderError:
        # found again, as libyaml gives its place in bytes and the other parser in characters
        bad = yaml.reader.Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, bad.start()) + 1 if bad is not None else None
        raise ConfigError(Problem("a control character stands here, expected plain text", file, line)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at_end = "end of stream" in (error.problem or "") or (mark is not None and mark.line >= len(text.splitlines()))
        if at_end and error.context_mark is not None:
            mark = error.context_mark  # what is open at the end of the file is better named where it was opened
        line = mark.line + 1 if mark is not None else 1
        what = "; ".join(part for part in (error.context, error.problem) if part)
        raise ConfigError(Problem(f"this is not YAML: {shown(what)}{_hint(text, line)}", file, line)) from None
    except (yaml.YAMLError, ValueError):
        raise ConfigError(Problem("this is not YAML", file)) from None


def _hint(text: str, line: int) -> str:
    lines = text.splitlines()
    if line <= len(lines):
        wrong = lines[line - 1]
        if re.search(r"[\[{,]\s*\$\{", wrong):
            return ' (inside [ ] and { } write "${…}" with quotes)'
        if "\t" in wrong[: len(wrong) - len(wrong.lstrip())]:
            return " (indent with spaces, not with tabs)"
    return ""


_CORE_TAGS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "null", "seq", "map"))
_TEXT_TAG: Final = "tag:yaml.org,2002:str"


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "entries", "items", "key", "key_lines", "line", "mapping")

    def __init__(self, mapping: bool, line: int, anchor: str | None) -> None:
        self.mapping = mapping
        self.line = line
        self.anchor = anchor
        self.items: list[Node] = []
        self.entries: dict[str, Node] = {}
        self.key_lines: dict[str, int] = {}
        self.key: str | None = None

    def close(self) -> Node:
        if self.mapping:
            return MappingNode(self.entries, self.key_lines, self.line)
        return Sequence(self.items, self.line)


class _Builder:
    """Nodes from events."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None

    def build(self, events: Iterable[yaml.Event]) -> Node | None:
        import yaml

        documents = 0
        for event in events:
            line = event.start_mark.line + 1 if event.start_mark is not None else 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse("a second document starts here, expected one", line)
            elif isinstance(event, yaml.ScalarEvent):
                self._check_tag(event.tag, line)
                node = Scalar(event.value, event.implicit[0] and event.tag != _TEXT_TAG, line)
                if event.tag in _CORE_TAGS:
                    node = Scalar(event.value, True, line)
                self._place(node, event.anchor, line)
            elif isinstance(event, yaml.AliasEvent):
                name = event.anchor or ""
                aliased = self._anchors.get(name)
                if aliased is None:
                    self._refuse(f"*{shown(name)} has no anchor before it", line)
                else:
                    self._place(aliased, None, line)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._check_tag(event.tag, line)
                if len(self._open) >= _MAX_DEPTH:
                    self._refuse(f"nested deeper than {_MAX_DEPTH} levels", line)
                if self._open and self._open[-1].mapping and self._open[-1].key is None:
                    self._refuse("a field's name is a list or a mapping, expected a word", line)
                self._open.append(_Open(isinstance(event, yaml.MappingStartEvent), line, event.anchor))
            elif isinstance(event, yaml.CollectionEndEvent):
                ended = self._open.pop()
                self._place(ended.close(), ended.anchor, ended.line)
        return self._root

    def _place(self, node: Node, anchor: str | None, line: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if not parent.mapping:
            parent.items.append(node)
        elif parent.key is not None:
            parent.entries[parent.key] = node
            parent.key = None
        elif not isinstance(node, Scalar):
            self._refuse("a field's name is a list or a mapping, expected a word", line)
        elif node.text == "<<" and node.plain:
            self._refuse("merging with << is not supported, expected the fields themselves", line)
        elif node.text in parent.key_lines:
            first = parent.key_lines[node.text]
            self._refuse("the field stands twice, expected once", line, f"{shown(node.text)} (also line {first})")
        else:
            parent.key = node.text
            parent.key_lines[node.text] = line

    def _check_tag(self, tag: str | None, line: int) -> None:
        if tag is not None and tag != _TEXT_TAG and tag not in _CORE_TAGS:
            self._refuse(f"the tag {shown(tag)} is not supported, expected a plain value", line)

    def _refuse(self, text: str, line: int, name: str | None = None) -> None:
        raise ConfigError(Problem(text, self._file, line, self._path(name)))

    def _path(self, name: str | None) -> str | None:
        """Where the parser stands, as `llm_providers[0].limits`."""
        path = ""
        for level in self._open:
            if not level.mapping:
                path += f"[{len(level.items)}]"
            elif level.key is not None:
                path += f".{shown(level.key)}"
        if name is not None:
            path += f".{name}"
        return path.removeprefix(".") or None


VARIABLE: Final = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")


class Replaced(msgspec.Struct, frozen=True):
    """A scalar's text after its variables were replaced."""

    text: str
    used: tuple[str, ...] = ()
    """The variables whose values are in the text: it must not be quoted in messages."""
    unset: tuple[str, ...] = ()
    malformed: bool = False


def replace_variables(text: str, environ: Mapping[str, str]) -> Replaced:
    """`${VAR}` and `${VAR:-default}` replaced (the default also where VAR is empty); `$${` stands for `${`."""
    if "${" not in text:
        return Replaced(text)
    used: list[str] = []
    unset: list[str] = []
    malformed = False

    def value(match: re.Match[str]) -> str:
        nonlocal malformed
        name, default = match[1], match[2]
        if name is None:
            malformed = malformed or match[0] == "${"
            return "${"
        found = environ.get(name)
        if found or (found is not None and default is None):
            used.append(name)
            return found
        if default is None:
            unset.append(name)
            return ""
        return str(default)

    replaced = VARIABLE.sub(value, text)
    return Replaced(replaced, tuple(used), tuple(unset), malformed)
