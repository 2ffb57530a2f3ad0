"""The catalogue that the server lists: true facts from `catalogue.json`, the rest invented from the seed."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from tui.demo import families
from tui.demo.endpoints import Endpoint, endpoints_of
from tui.demo.faults import fault_rows
from tui.demo.moving import GUEST, moving_rows, step_at
from tui.demo.oddities import odd_rows
from tui.demo.settings import Row, Settings

KNOWN_SINCE: Final = {
    "anthropic/claude-3.5-sonnet": "2024-06-20",
    "anthropic/claude-3-opus": "2024-03-05",
    "anthropic/claude-3-haiku": "2024-03-13",
    "openai/gpt-4o": "2024-05-13",
    "openai/gpt-4o-mini": "2024-07-18",
    "openai/gpt-4": "2023-05-28",
    "openai/gpt-3.5-turbo": "2023-05-28",
    "meta-llama/llama-3.2-90b-instruct": "2024-09-25",
    "meta-llama/llama-3.1-70b-instruct": "2024-07-23",
    "google/gemini-pro-1.5": "2024-04-09",
    "mistralai/mistral-7b-instruct": "2024-05-27",
}

USES: Final = (
    "long documents and careful summaries",
    "everyday chat with a light touch",
    "code review, refactoring and tests",
    "agents that call many tools in a row",
    "multilingual support desks",
    "structured extraction at volume",
    "fiction, dialogue and play",
    "mathematics shown step by step",
    "questions about pictures and charts",
    "fast drafts on a small budget",
)
TRAITS: Final = (
    "It keeps its answers short unless asked.",
    "It follows long instructions well, and says when they contradict each other.",
    "It is at its best with a clear system prompt.",
    "Its tone is plain; its tables are tidy.",
    "It was tuned for low latency rather than depth.",
    "It holds many files in mind at once.",
    "It quotes its sources when it is given any.",
)
ARENAS: Final = ("website", "gamedev", "uicomponent", "dataviz", "3d", "asciiart")
DIMENSIONS: Final = {
    "openai/text-embedding-3-small": 1536,
    "openai/text-embedding-3-large": 3072,
    "openai/text-embedding-ada-002": 1536,
    "google/gemini-embedding-001": 3072,
    "google/gemini-embedding-2": 3072,
    "mistralai/codestral-embed-2505": 1536,
    "cohere/embed-v4.0": 1536,
}
"""Vector widths; the others have 1,024."""

SHORTENS: Final = re.compile(r"embedding-3|gemini-embedding|cohere|qwen3-embedding|titan|codestral|voyage-4|^demo/")
"""Embedding models that take `dimensions`."""


@dataclass(slots=True)
class Catalogue:
    """Every row, and what serves it."""

    rows: list[Row]
    endpoints: dict[str, list[Endpoint]]
    settings: Settings
    named: dict[str, Row] = field(default_factory=dict)
    """Rows by id and by canonical slug (the id wins); those that have gone stay, for the books."""
    listings: int = 0
    """How often the list was asked for."""
    step: int | None = None
    """Of the moving rows."""
    moving: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        for row in self.rows:
            self.named.setdefault(row["canonical_slug"], row)
        self.named.update((row["id"], row) for row in self.rows)
        self.move()

    def move(self) -> None:
        """Let the moving rows be those of this moment."""
        step = step_at(self.settings, self.listings)
        if step == self.step:
            return
        self.step = step
        gone = {row["id"] for row in self.moving}
        self.moving = moving_rows(self.settings, step, datetime.now(UTC))
        self.rows = [row for row in self.rows if row["id"] not in gone] + self.moving
        for row in self.moving:
            self.named[row["id"]] = row
            self.endpoints[row["id"]] = endpoints_of(row, self.settings)

    def find(self, model: str) -> Row | None:
        """The row of an id, a dated slug, or either with dynamic variants behind it."""
        while model not in self.named and ":" in model:
            model, variant = model.rsplit(":", 1)
            if variant not in {"nitro", "floor", "exacto", "online"}:
                return None
        row = self.named.get(model)
        if row is not None and row["id"].startswith(GUEST) and row not in self.moving:
            return None
        return row

    def with_outputs(self, wanted: str | None) -> list[Row]:
        """The rows of an `output_modalities` filter (comma list or `all`); text when there is none."""
        if wanted == "all":
            return self.rows
        kinds = set((wanted or "text").split(","))
        return [row for row in self.rows if kinds & set(row["architecture"]["output_modalities"])]


def load(settings: Settings) -> Catalogue:
    """Build the catalogue; about 30 ms."""
    facts = json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))
    now = datetime.now(UTC)
    chat = [_chat_row(fact, settings.dice("row", fact["id"]), now) for fact in facts["models"]]
    _point_aliases(chat)
    vectors = [_embedding_row(fact, settings.dice("row", fact["id"])) for fact in facts["embeddings"]]
    rows = chat + vectors + odd_rows(settings, now) + fault_rows(now)
    return Catalogue(rows, {row["id"]: endpoints_of(row, settings) for row in rows}, settings)


def _chat_row(fact: Row, dice: Random, now: datetime) -> Row:
    """One chat model with all that the facts lack."""
    model_id, slug = fact["id"], fact["slug"]
    bare = model_id.partition(":")[0]
    author = families.author_of(model_id)
    takes, gives = families.input_modalities(bare), families.output_modalities(bare)
    tokenizer = families.TOKENIZERS.get(author, "Other")
    size = families.size_class(bare)
    context = fact["context"]
    most = min(
        context, dice.choice(((8192, 16_384, 32_768), (16_384, 32_768, 65_536), (32_768, 65_536, 128_000))[size])
    )
    row: Row = {
        "id": model_id,
        "canonical_slug": slug,
        "hugging_face_id": f"{author}/{bare.split('/')[1]}" if author in families.OPEN_WEIGHTS else None,
        "name": _shown_name(fact, author),
        "created": _created(slug, model_id, dice, now),
        "description": _description(model_id, author, dice),
        "context_length": context,
        "architecture": {
            "modality": f"{'+'.join(kind for kind in takes)}->{'+'.join(sorted(gives, reverse=True))}",
            "input_modalities": takes,
            "output_modalities": gives,
            "tokenizer": tokenizer,
            "instruct_type": {"Llama3": "llama3", "Mistral": "mistral", "Qwen3": "qwen3"}.get(tokenizer),
        },
        "pricing": dict(fact["pricing"]),
        "top_provider": {
            "context_length": context,
            "max_completion_tokens": None if dice.random() < 0.12 else most,
            "is_moderated": author in {"openai", "anthropic"},
        },
        "per_request_limits": None,
        "supported_parameters": _parameters(bare, gives, dice),
        "default_parameters": dice.choice((None, {}, {"temperature": 0.7}, {"temperature": 1.0, "top_p": 0.95})),
        "supported_voices": None,
        "knowledge_cutoff": f"2025-{dice.randint(1, 12):02}-01" if dice.random() < 0.5 else None,
        "expiration_date": None,
        "links": {"details": f"/api/v1/models/{slug}/endpoints"},
    }
    if families.reasons(bare):
        row["reasoning"] = _reasoning(bare, author)
    if gives == ["text"] and dice.random() < 0.6:
        row["benchmarks"] = _benchmarks(fact["pricing"], size, dice)
    return row


def _shown_name(fact: Row, author: str) -> str:
    """`Author: Model`, made from the id where the facts have no name."""
    name = fact["name"] or fact["id"].split("/", 1)[1].replace("-", " ").title().replace("Gpt ", "GPT-")
    return name if name.startswith(families.shown_author(author)) else f"{families.shown_author(author)}: {name}"


def _created(slug: str, model_id: str, dice: Random, now: datetime) -> int:
    """Unix seconds: the known day, else the one in the dated slug, else an invented one."""
    dated = re.search(r"-(20\d\d)(\d\d)(\d\d)$", slug)
    day = KNOWN_SINCE.get(model_id.partition(":")[0]) or (dated and "-".join(dated.groups()))
    seconds = dice.randrange(86_400)
    if day:
        try:
            known = datetime.fromisoformat(f"{day}T00:00:00+00:00") + timedelta(seconds=seconds)
        except ValueError:
            known = now
        return int(min(known, now - timedelta(days=2)).timestamp())
    return int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()) + dice.randrange(700) * 86_400 + seconds


def _description(model_id: str, author: str, dice: Random) -> str:
    """A few invented sentences with a link in Markdown."""
    first, second = dice.sample(USES, 2)
    text = f"{families.shown_author(author)} offers this model for {first}, and it holds up for {second}. "
    text += " ".join(dice.sample(TRAITS, dice.randint(1, 3)))
    return f"{text}\n\nRead more on [its page](https://openrouter.ai/{model_id}). (Description invented for the demo.)"


def _parameters(model_id: str, gives: list[str], dice: Random) -> list[str]:
    """What the model says it supports, sorted as the live service sorts it."""
    names = {"max_tokens", "temperature", "top_p", "stop", "seed", "frequency_penalty", "presence_penalty"}
    if gives == ["text"] and "base" not in model_id and "guard" not in model_id and dice.random() < 0.85:
        names |= {"tools", "tool_choice", "response_format"}
        if dice.random() < 0.7:
            names.add("structured_outputs")
    if families.author_of(model_id) in families.OPEN_WEIGHTS:
        names |= {"top_k", "min_p", "repetition_penalty"}
    if families.reasons(model_id):
        names |= {"reasoning", "include_reasoning"}
    if re.search(r"/o[134]|gpt-[5-9]", model_id):
        names -= {"temperature", "top_p", "stop", "frequency_penalty", "presence_penalty"}
        names |= {"reasoning_effort", "max_completion_tokens"}
    return sorted(names)


def _reasoning(model_id: str, author: str) -> Row:
    """How the model's thinking can be set."""
    mandatory = families.always_reasons(model_id)
    found: Row = {
        "mandatory": mandatory,
        "default_enabled": mandatory or author in {"google", "deepseek", "z-ai", "nvidia"},
    }
    if author == "anthropic":
        return found | {"supports_max_tokens": True, "supported_efforts": None}
    if author == "openai":
        efforts = ["high", "medium", "low"] + ([] if mandatory and "/o" in model_id else ["minimal"])
        return found | {"supported_efforts": efforts, "default_effort": "medium"}
    if author == "google":
        return found | {"supports_max_tokens": True, "supported_efforts": ["high", "medium", "low"]}
    return found


def _benchmarks(pricing: Row, size: int, dice: Random) -> Row:
    """Scores that rise with price and size, with enough scatter that a cheap model may win."""
    price = float(pricing["completion"]) * 1e6
    level = 28 + 9 * math.log10(1 + price * 10) + 6 * size + dice.gauss(0, 7)

    def score(shift: float) -> float | None:
        return None if dice.random() < 0.1 else round(max(5.0, min(78.0, level + shift + dice.gauss(0, 4))), 1)

    arenas = [
        {
            "arena": "models",
            "category": category,
            "elo": round(1000 + 5 * level + dice.gauss(0, 30), 1),
            "win_rate": round(max(8.0, min(80.0, level + dice.gauss(0, 6))), 1),
            "rank": dice.randint(1, 90),
        }
        for category in ARENAS[: dice.randrange(len(ARENAS))]
    ]
    indices = {"intelligence_index": score(0), "coding_index": score(-3), "agentic_index": score(-6)}
    return {"design_arena": arenas, "artificial_analysis": indices}


def _point_aliases(rows: list[Row]) -> None:
    """Give every `~author/…-latest` row the newest model of its family that costs the same."""
    for alias in rows:
        if not alias["id"].startswith("~"):
            continue
        author, _, family = alias["id"][1:].partition("/")
        words = set(family.removesuffix("-latest").split("-"))
        members = [row for row in rows if row["id"].startswith(f"{author}/") and ":" not in row["id"]]
        members = [row for row in members if row["architecture"]["output_modalities"] == ["text"]]
        members = [row for row in members if words <= _words(row)]
        same = [row for row in members if _base(row) == _base(alias)]

        def nearest(row: Row, words: set[str] = words) -> tuple[int, int]:
            """The fewest words that the family's name lacks, then the newest."""
            extra = {word for word in _words(row) - words if not re.match(r"v?\d", word)}
            return -len(extra), int(row["created"])

        if target := max(same or members, key=nearest, default=None):
            alias["alias_target"] = {"slug": target["id"], "name": target["name"]}
            for key in ("pricing", "architecture", "context_length", "supported_parameters", "reasoning"):
                if key in target:
                    alias[key] = target[key]


def _words(row: Row) -> set[str]:
    return set(row["id"].partition("/")[2].split("-"))


def _base(row: Row) -> tuple[str, str]:
    return row["pricing"]["prompt"], row["pricing"]["completion"]


def _embedding_row(fact: Row, dice: Random) -> Row:
    """One embedding model."""
    row = _chat_row(fact, dice, datetime.now(UTC))
    row["architecture"] |= {"modality": "text->embeddings", "output_modalities": ["embeddings"], "instruct_type": None}
    row["architecture"]["input_modalities"] = (
        ["text", "image"] if "embedding-2" in fact["id"] or "v4" in fact["id"] else ["text"]
    )
    row["top_provider"]["max_completion_tokens"] = None
    row["supported_parameters"] = []
    row["default_parameters"] = None
    row.pop("reasoning", None)
    row.pop("benchmarks", None)
    return row


def width_of(model_id: str) -> int:
    """How long the vectors of an embedding model are."""
    return DIMENSIONS.get(model_id, 1024)
