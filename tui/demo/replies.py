"""What the models say: readable Markdown about the words of the prompt, the same for the same seed and prompt."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any, Final

from tui.demo import phrases
from tui.demo.settings import Row

_FENCE: Final = "```"
_EFFORTS: Final = {"minimal": 2, "low": 4, "medium": 8, "high": 16, "xhigh": 28, "max": 40}
"""Thoughts by effort."""

_WISHES: Final = r"code|function|script|program|table|compare|list|points|step|how |python|rust|javascript|sql|bash"


class Writer:
    """Fills the phrases with the prompt's words."""

    def __init__(self, prompt: str, dice: Random) -> None:
        self.dice: Final = dice
        self.prompt: Final = prompt
        words = [
            word for word in re.findall(r"[^\W\d_]{3,20}", prompt[-4000:]) if word.lower() not in phrases.COMMON_WORDS
        ]
        words = list(dict.fromkeys(word if word.isupper() else word.lower() for word in words)) or [
            "the problem",
            "the rest",
        ]
        self.a: Final = dice.choice(words)
        self.b: Final = dice.choice([word for word in words if word != self.a] or ["the rest"])
        ident = re.sub(r"\W+", "_", self.a.lower()).strip("_")
        self.ident: Final = ident if ident.isascii() and ident.isidentifier() else "item"

    def say(self, choices: tuple[str, ...]) -> str:
        """One of the phrases, filled."""
        return self.fill(self.dice.choice(choices))

    def some(self, choices: tuple[str, ...], least: int, most: int) -> list[str]:
        """Several different phrases, filled."""
        number = min(len(choices), self.dice.randint(least, most))
        return [self.fill(choice) for choice in self.dice.sample(choices, number)]

    def fill(self, text: str) -> str:
        """Put the prompt's words in; other braces stay."""
        names = {
            "a": self.a,
            "b": self.b,
            "A": self.a[:1].upper() + self.a[1:],
            "B": self.b[:1].upper() + self.b[1:],
            "ident": self.ident,
            "Ident": self.ident.title().replace("_", ""),
        }
        return re.sub(r"\{(a|b|A|B|ident|Ident)\}", lambda found: names[found[1]], text)

    def bullets(self) -> str:
        """A list, some of its points with points of their own."""
        lines = []
        for point in self.some(phrases.BULLETS, 3, 5):
            lines.append(f"- {point}")
            if self.dice.random() < 0.35:
                lines += [f"    - {sub}" for sub in self.some(phrases.SUB_BULLETS, 1, 2)]
        return "\n".join(lines)

    def steps(self) -> str:
        """A numbered list."""
        return "\n".join(f"{number}. {step}" for number, step in enumerate(self.some(phrases.STEPS, 3, 6), 1))

    def table(self) -> str:
        """A table with a ruled head."""
        head, *rows = self.dice.choice(phrases.TABLES)
        lines = ["| " + " | ".join(self.fill(cell) for cell in row) + " |" for row in (head, *rows)]
        lines.insert(1, "|" + "|".join(" --- " for _ in head) + "|")
        return "\n".join(lines)

    def code(self, language: str | None = None) -> str:
        """A fenced block, in the language that was asked for if there is one."""
        fitting = [each for each in phrases.CODE if each[0] == language] or list(phrases.CODE)
        name, text = self.dice.choice(fitting)
        return f"{_FENCE}{name}\n{self.fill(text)}\n{_FENCE}\n\n{self.say(phrases.AFTER_CODE)}"

    def section(self) -> str:
        """A heading and what stands under it."""
        parts = [f"{self.dice.choice(('##', '##', '###'))} {self.say(phrases.HEADINGS)}", self.say(phrases.PARAGRAPHS)]
        block = self.dice.choice(
            (self.bullets, self.bullets, self.steps, self.table, self.code, self.code, self.quote, None)
        )
        if block:
            parts.append(block())
        return "\n\n".join(parts)

    def quote(self) -> str:
        """A quotation and a link."""
        return f"> {self.say(phrases.QUOTES)}\n>\n> — *somebody, about {self.a}*\n\n{self.say(phrases.LINKS)}"


def compose(prompt: str, dice: Random) -> str:
    """A reply in Markdown; longer, shorter, or with a table, list or code where the prompt asks for it."""
    echo = re.match(r"\s*echo[:\s]\s*(.+)", prompt, re.DOTALL | re.IGNORECASE)
    if echo:
        return echo[1]
    writer, asked = Writer(prompt, dice), prompt.lower()
    if not re.search(r"\blong\b|detail|essay", asked) and (
        re.search(r"\b(short|brief|briefly|one (word|sentence|line)|yes or no)\b", asked)
        or (len(prompt) < 14 and dice.random() < 0.7)
        or (dice.random() < 0.08 and not re.search(_WISHES, asked))
    ):
        return writer.say(phrases.SHORT)
    parts = [writer.say(phrases.OPENINGS)]
    language = next((name for name, _ in phrases.CODE if re.search(rf"\b{name}\b", asked)), None)
    if language or re.search(r"\b(code|function|script|program)\b", asked):
        parts.append(writer.code(language))
    if "table" in asked or "compare" in asked:
        parts.append(writer.table())
    if re.search(r"\b(list|bullets?|points)\b", asked):
        parts.append(writer.bullets())
    if re.search(r"\bsteps?\b|how (do|to|can)", asked):
        parts.append(writer.steps())
    sections = dice.randint(7, 10) if re.search(r"\blong\b|detail|essay|everything", asked) else dice.randint(1, 4)
    parts += [writer.section() for _ in range(sections)]
    if sections > 2:
        parts += ["---", writer.say(phrases.LINKS)]
    parts.append(writer.say(phrases.CLOSINGS))
    return "\n\n".join(parts)


def think(prompt: str, effort: str, dice: Random) -> str:
    """What a model thinks before it answers; more at higher effort."""
    writer = Writer(prompt, dice)
    return "".join(writer.fill(dice.choice(phrases.THOUGHTS)) for _ in range(_EFFORTS.get(effort, 8))).rstrip()


def json_reply(prompt: str, schema: Any, dice: Random) -> str:
    """An object that fits the schema, as structured output."""
    writer = Writer(prompt, dice)
    value = sample(schema, writer) if schema else {"answer": writer.a, "confidence": 0.75, "notes": [writer.b]}
    return json.dumps(value, ensure_ascii=False)


def sample(schema: Any, writer: Writer, depth: int = 0) -> Any:
    """A value that fits the common part of JSON Schema."""
    if not isinstance(schema, dict) or depth > 6:
        return writer.a
    if "const" in schema:
        return schema["const"]
    if choices := schema.get("enum"):
        return writer.dice.choice(choices)
    for key in ("anyOf", "oneOf"):
        if schema.get(key):
            return sample(schema[key][0], writer, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "string")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties: Row = schema.get("properties") or {}
        return {name: sample(each, writer, depth + 1) for name, each in properties.items()}
    if kind == "array":
        return [sample(schema.get("items", {"type": "string"}), writer, depth + 1) for _ in range(2)]
    plain: Row = {
        "integer": writer.dice.randint(1, 40),
        "number": writer.dice.randint(1, 400) / 10,
        "boolean": True,
        "null": None,
    }
    return plain[kind] if kind in plain else writer.dice.choice((writer.a, writer.b))
