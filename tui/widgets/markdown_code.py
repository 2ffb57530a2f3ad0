"""Colours for code, line by line: what has been coloured once is never looked at again.

Pygments colours whole texts. Here its lexers' own tables are walked a line at a time and the state at the end of a line
is carried to the next, so that a fence of 5,000 lines costs the same per line as one of five.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, NamedTuple

LONGEST_COLOURED_LINE: Final = 1000
"""Characters; longer lines are drawn without colours."""

PLAIN: Final = "plain"
LOOKS: Final = ("plain", "comment", "keyword", "string", "number", "name", "type", "tag", "added", "removed", "heading")
"""What tokens are drawn as; each is a style of the transcript."""


class CodeRun(NamedTuple):
    """A stretch of a line of code."""

    text: str
    look: str


class CodeState(NamedTuple):
    """Where a lexer stands between two lines."""

    stack: tuple[str, ...] = ("root",)
    in_comment: bool = False
    """Inside of `/* … */` in a language whose tables see comments only whole."""


_MOST_LEXERS: Final = 256
_lexers: dict[str, Any] = {"": None}
"""By language as a fence names it; None where there is no lexer."""


def is_ready(language: str) -> bool:
    """Whether code of that language can be coloured at once: to make a lexer takes a tenth of a second."""
    return language in _lexers


def make_ready(languages: Iterable[str]) -> None:
    """Make what colours code of these languages; for a thread."""
    for language in languages:
        _lexer(language)


def _lexer(language: str) -> Any:
    """The lexer for a fence's language, or None."""
    if language not in _lexers:
        if len(_lexers) >= _MOST_LEXERS:
            del _lexers[next(reversed(_lexers))]
        _lexers[language] = _made(language)
    return _lexers[language]


def _made(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    aliases = {"shell": "bash", "console": "bash", "sh-session": "bash", "golang": "go", "jsonc": "json5"}
    try:
        return get_lexer_by_name(aliases.get(language.lower(), language.lower()), stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _look(token: Any) -> str:
    """The style of a token type."""
    from pygments.token import Token

    table = {
        Token.Comment: "comment",
        Token.Keyword.Type: "type",
        Token.Keyword: "keyword",
        Token.Operator.Word: "keyword",
        Token.Literal.String: "string",
        Token.Literal.Number: "number",
        Token.Name.Function: "name",
        Token.Name.Class: "type",
        Token.Name.Builtin: "type",
        Token.Name.Exception: "type",
        Token.Name.Decorator: "name",
        Token.Name.Tag: "tag",
        Token.Name.Attribute: "name",
        Token.Generic.Inserted: "added",
        Token.Generic.Deleted: "removed",
        Token.Generic.Heading: "heading",
        Token.Generic.Subheading: "heading",
    }
    while token:
        if token in table:
            return table[token]
        token = token.parent
    return PLAIN


def colour(language: str, lines: list[str], state: object) -> tuple[list[list[CodeRun]], object]:
    """Each line in coloured stretches, and the state to go on with; `state` is None at the start of a fence."""
    if _lexer(language) is None:
        return [[CodeRun(line, PLAIN)] for line in lines], None
    now = state if isinstance(state, CodeState) else CodeState()
    coloured = []
    for line in lines:
        runs, now = _colour_line(language, line, now)
        coloured.append(runs)
    return coloured, now


_COMMENTS_SEEN_WHOLE = frozenset(
    """c c++ cpp cxx h hpp java javascript js jsx typescript ts tsx go golang rust rs c# csharp cs swift kotlin kt php
    scala dart css scss less groovy objective-c objc glsl hlsl""".split()  # noqa: SIM905
)


@lru_cache(maxsize=2048)
def _colour_line(language: str, line: str, state: CodeState) -> tuple[list[CodeRun], CodeState]:
    """One line; the cache spares the lines above the one that grows."""
    if len(line) > LONGEST_COLOURED_LINE:
        return [CodeRun(line, PLAIN)], state
    if state.in_comment:
        head, mark, rest = line.partition("*/")
        if not mark:
            return [CodeRun(line, "comment")], state
        runs, after = _colour_line(language, rest, CodeState(state.stack))
        return [CodeRun(head + mark, "comment"), *runs], after
    lexer = _lexer(language)
    tokens, stack = _tokens(lexer, line + "\n", state.stack)
    if "/*" in line and language.lower() in _COMMENTS_SEEN_WHOLE:
        at = line.rfind("/*")
        if "*/" not in line[at + 2 :] and stack == state.stack and _may_open_comment(tokens, at):
            before, stack = _tokens(lexer, line[:at] + "\n", state.stack)
            return [*_joined(before), CodeRun(line[at:], "comment")], CodeState(stack, in_comment=True)
    return _joined(tokens), CodeState(stack)


def _may_open_comment(tokens: list[tuple[Any, str]], at: int) -> bool:
    """Whether `/*` at an offset begins a comment: not inside of a string or of a comment that began before it."""
    for token, value in tokens:
        if at < len(value):
            return at == 0 if _look(token) == "comment" else _look(token) != "string"
        at -= len(value)
    return False


def _joined(tokens: list[tuple[Any, str]]) -> list[CodeRun]:
    """The tokens of a line as runs, neighbours of one look joined."""
    runs: list[CodeRun] = []
    for token, value in tokens:
        text = value.replace("\n", "")
        if not text:
            continue
        look = _look(token)
        if runs and (runs[-1].look == look or text.isspace()):
            runs[-1] = CodeRun(runs[-1].text + text, runs[-1].look)
        else:
            runs.append(CodeRun(text, look))
    return runs


def _tokens(lexer: Any, text: str, stack: tuple[str, ...]) -> tuple[list[tuple[Any, str]], tuple[str, ...]]:
    """The tokens of some whole lines, begun in `stack`, and the stack after them."""
    from pygments.lexer import ExtendedRegexLexer, RegexLexer

    if not isinstance(lexer, RegexLexer) or isinstance(lexer, ExtendedRegexLexer):
        # these keep their state to themselves: each line stands alone
        return [(token, value) for _, token, value in lexer.get_tokens_unprocessed(text)], stack
    return _walk(lexer, text, list(stack))


def _walk(lexer: Any, text: str, stack: list[str]) -> tuple[list[tuple[Any, str]], tuple[str, ...]]:
    """Follow a lexer's table through the text; unlike Pygments' own loop it tells in which state it ended."""
    from pygments.token import Error, Token, Whitespace

    table = lexer._tokens
    found: list[tuple[Any, str]] = []
    position = 0
    stuck = 0
    rules = table.get(stack[-1]) or table["root"]
    while position < len(text):
        for matcher, action, change in rules:
            match = matcher(text, position)
            if match is None:
                continue
            if action is not None:
                if action.__class__ is type(Token):
                    found.append((action, match.group()))
                else:
                    found.extend((token, value) for _, token, value in action(lexer, match))
            stuck = stuck + 1 if match.end() == position else 0
            position = match.end()
            if change is not None:
                _change(stack, change)
                rules = table.get(stack[-1]) or table["root"]
            if stuck > 50:  # a table that turns in circles
                return [*found, (Error, text[position:])], tuple(stack)
            break
        else:
            if text[position] == "\n":
                # Pygments falls back to the root here; inside of strings over many lines tables have a rule for it
                stack[:] = ["root"]
                rules = table["root"]
                found.append((Whitespace, "\n"))
            else:
                found.append((Error, text[position]))
            position += 1
    return found, tuple(stack)


def _change(stack: list[str], change: Any) -> None:
    """Carry out what a rule says about the stack: a number to pop, names to push, `#pop`, `#push`."""
    if isinstance(change, tuple):
        for name in change:
            if name == "#pop":
                if len(stack) > 1:
                    stack.pop()
            elif name == "#push":
                stack.append(stack[-1])
            else:
                stack.append(name)
    elif isinstance(change, int):
        if abs(change) >= len(stack):
            del stack[1:]
        else:
            del stack[change:]
    elif change == "#push":
        stack.append(stack[-1])
    if len(stack) > 200:
        del stack[1:-100]
