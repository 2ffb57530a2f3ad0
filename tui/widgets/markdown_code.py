"""Colours for code, line by line: what has been coloured once is never looked at again.

Pygments colours whole texts. Here its lexers' own tables are walked a line at a time and the state at the end of a line
is carried to the next, so that a fence of 5,000 lines costs the same per line as one of five.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

LONGEST_COLOURED_LINE: Final = 1000
"""Characters; longer lines are drawn without colours."""
_LONGEST_COMMENT = 60
"""Lines of a comment that are read as one, for languages whose tables see comments only whole."""
MOST_STATES_BEHIND: Final = 20
"""Pieces that may be coloured to find out the state at the start of one."""

PLAIN: Final = "plain"
LOOKS: Final = ("plain", "comment", "keyword", "string", "number", "name", "type", "tag", "added", "removed", "heading")
"""What tokens are drawn as; each is a style of the transcript."""


class CodeRun(NamedTuple):
    """A stretch of a line of code."""

    text: str
    look: str


class CodeState(NamedTuple):
    """The stack of a lexer between two lines."""

    stack: tuple[str, ...]


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    """The lexer for a fence's language, or None."""
    if not language:
        return None
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
    lexer = _lexer(language)
    if lexer is None:
        return [[CodeRun(line, PLAIN)] for line in lines], None
    stack = state.stack if isinstance(state, CodeState) else ("root",)
    coloured: list[list[CodeRun]] = []
    index = 0
    while index < len(lines):
        count = _lines_to_read_together(language, lines, index)
        if any(len(line) > LONGEST_COLOURED_LINE for line in lines[index : index + count]):
            coloured += [[CodeRun(line, PLAIN)] for line in lines[index : index + count]]
        else:
            text = "\n".join(lines[index : index + count]) + "\n"
            tokens, stack = _tokens(lexer, text, stack)
            coloured += _split_lines(tokens, count)
        index += count
    return coloured, CodeState(stack)


_COMMENTS_SEEN_WHOLE = frozenset(
    """c c++ cpp cxx h hpp java javascript js jsx typescript ts tsx go golang rust rs c# csharp cs swift kotlin kt php
    scala dart css scss less groovy objective-c objc glsl hlsl""".split()  # noqa: SIM905
)


def _lines_to_read_together(language: str, lines: list[str], index: int) -> int:
    """1, or the lines of a comment in a language whose tables cannot stop inside one."""
    line = lines[index]
    if "/*" not in line or language.lower() not in _COMMENTS_SEEN_WHOLE or "*/" in line.rpartition("/*")[2]:
        return 1
    last = min(len(lines), index + _LONGEST_COMMENT)
    for end in range(index + 1, last):
        if "*/" in lines[end]:
            return end - index + 1
    return 1


def _split_lines(tokens: list[tuple[Any, str]], count: int) -> list[list[CodeRun]]:
    """Tokens of several lines as runs line by line, neighbours of one look joined."""
    result: list[list[CodeRun]] = [[] for _ in range(count)]
    at = 0
    for token, value in tokens:
        look = _look(token)
        for position, part in enumerate(value.split("\n")):
            at += position > 0
            if part and at < count:
                line = result[at]
                if line and (line[-1].look == look or part.isspace()):
                    line[-1] = CodeRun(line[-1].text + part, line[-1].look)
                else:
                    line.append(CodeRun(part, look))
    return result


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
