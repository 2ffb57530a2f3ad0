"""A reply decided before its first byte: who serves it, what it says, what it may cost."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Final

from tui.demo import families, faults, replies, tokens
from tui.demo.endpoints import Endpoint
from tui.demo.ledger import Entry
from tui.demo.prices import Bill, Counts, Prices, bill
from tui.demo.settings import Row, Settings

FLOOD_TOKENS: Final = 20_000
_WORDS: Final[Row] = {"type": "object", "properties": {"words": {"type": "string"}, "limit": {"type": "integer"}}}
OWN_TOOLS: Final[tuple[Row, ...]] = (
    {"name": "search_notes", "parameters": _WORDS},
    {"name": "read_page", "parameters": {"type": "object", "properties": {"page": {"type": "string"}}}},
)
"""What `demo/tools` calls when it is given nothing to call."""

PICTURE: Final = (
    "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)

FINISH_WORDS: Final = {
    "anthropic": {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"},
    "google": {"stop": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"},
    "openai": {"stop": "completed", "length": "max_output_tokens", "tool_calls": "completed"},
}
REASONING_FORMATS: Final = {
    "anthropic": "anthropic-claude-v1",
    "openai": "openai-responses-v1",
    "google": "google-gemini-v1",
}


@dataclass(slots=True)
class Plan:
    """Everything that the answer to one chat request needs."""

    entry: Entry
    row: Row
    endpoint: Endpoint
    prices: Prices
    behaviour: str
    """The `demo/` model's name, or nothing."""
    model: str
    """As the answer names it."""
    created: int
    pace: float
    """Tokens a second; 0 is at once."""
    ttft: float
    """Seconds to the first token."""
    prompt_counts: Counts
    thoughts: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, str]] = field(default_factory=list)
    """Tool calls: id, name, arguments."""
    finish: str = "stop"
    hide_reasoning: bool = False
    image: bool = False

    @property
    def author(self) -> str:
        """Who made the model, as its id says."""
        return families.author_of(self.row["id"])

    @property
    def native_finish(self) -> str:
        """The provider's own word."""
        return FINISH_WORDS.get(self.author, {}).get(self.finish, self.finish)

    @property
    def reasoning_format(self) -> str:
        """Of reasoning details."""
        return REASONING_FORMATS.get(self.author, "unknown")

    @property
    def call_tokens(self) -> int:
        """Tokens that the tool calls take."""
        return sum(tokens.count(name) + tokens.count(arguments) for _, name, arguments in self.calls)

    @property
    def full(self) -> tuple[int, int]:
        """Completion and reasoning tokens when it runs to its end."""
        thought = len(self.thoughts)
        return thought + len(self.pieces) + self.call_tokens, thought

    def counts(self, completion: int, reasoning: int) -> Counts:
        """What was used when so much was produced."""
        given = self.prompt_counts
        return Counts(given.prompt, completion, reasoning, given.cached, given.cache_write, given.images)

    def billed(self, completion: int, reasoning: int) -> tuple[Counts, Bill]:
        """The counts and what they cost; nothing at all was produced: nothing is charged."""
        counts = self.counts(completion, reasoning)
        if completion == 0 and self.behaviour == "empty":
            return counts, Bill(Decimal(0), Decimal(0), Decimal(0))
        return counts, bill(self.prices, counts)


def write_reply(plan: Plan, request: Row, dice: Random, settings: Settings) -> None:
    """Decide the words: thoughts, text or tool calls, and why it ends."""
    prompt = last_prompt(request["messages"])
    effort = reasoning_effort(plan.row, request)
    if effort:
        plan.thoughts = tokens.pieces(replies.think(prompt, effort, dice))
        plan.hide_reasoning = (
            bool((request.get("reasoning") or {}).get("exclude")) or request.get("include_reasoning") is False
        )
    if tools := tools_to_call(plan, request):
        plan.calls = [_call(tool, prompt, dice) for tool in tools]
        plan.finish = "tool_calls"
        if plan.behaviour == "tools":
            plan.pieces = tokens.pieces("Let me look that up first.")
    else:
        plan.pieces = tokens.pieces(_text(plan, request, prompt, dice))
    plan.image = "image" in plan.row["architecture"]["output_modalities"] or plan.behaviour == "image"
    _stop(plan, request.get("stop"))
    _cap(plan, request.get("max_completion_tokens") or request.get("max_tokens"))
    if plan.behaviour == "length":
        plan.pieces, plan.finish = plan.pieces[:40], "length"
    if plan.behaviour == "refusal":
        plan.finish = "content_filter"


def _text(plan: Plan, request: Row, prompt: str, dice: Random) -> str:
    """The text of the reply."""
    match plan.behaviour:
        case "hostile":
            return faults.HOSTILE
        case "flood":
            return _flood(prompt, dice)
        case "plain":
            return "This is a short plain reply."
        case "echo":
            return prompt
        case "empty":
            return ""
        case "refusal":
            return "I cannot help with that; this model refuses everything."
        case "slow" | "slow-billed" | "pause" | "mid-stream-error" | "cut-off" | "connection-lost" | "length":
            return replies.compose(f"{prompt} (in detail)", dice)
    last = request["messages"][-1]
    if last.get("role") == "tool":
        return (
            f"The tool says:\n\n> {tokens.content_text(last.get('content'))[:400]}\n\n{replies.compose(prompt, dice)}"
        )
    wanted = request.get("response_format") or {}
    if wanted.get("type") in {"json_object", "json_schema"}:
        return replies.json_reply(prompt, (wanted.get("json_schema") or {}).get("schema"), dice)
    text = replies.compose(prompt, dice)
    if last.get("role") == "assistant":
        text = f" … {text}"
    return text


def _flood(prompt: str, dice: Random) -> str:
    """Markdown of exactly 20,000 tokens."""
    parts: list[str] = []
    found = 0
    while found < FLOOD_TOKENS:
        part = replies.compose(f"{prompt} (in detail)", dice) + "\n\n"
        parts.append(part)
        found += tokens.count(part)
    return "".join(tokens.pieces("".join(parts))[:FLOOD_TOKENS])


def last_prompt(messages: list[Row]) -> str:
    """What the user said last."""
    for message in reversed(messages):
        if message.get("role") == "user":
            return tokens.content_text(message.get("content"))
    return tokens.content_text(messages[-1].get("content")) if messages else ""


def reasoning_effort(row: Row, request: Row) -> str | None:
    """How hard the model thinks about this request; None where it doesn't."""
    config = row.get("reasoning")
    if not config:
        return None
    wish = request.get("reasoning") or {}
    effort = wish.get("effort") or request.get("reasoning_effort")
    if config["mandatory"]:
        return effort if effort and effort != "none" else config.get("default_effort") or "medium"
    if effort == "none" or wish.get("enabled") is False:
        return None
    if effort:
        return str(effort)
    if wish.get("max_tokens") or wish.get("enabled"):
        return "medium"
    return str(config.get("default_effort") or "low") if config.get("default_enabled") else None


def tools_to_call(plan: Plan, request: Row) -> list[Row]:
    """The functions that the reply calls: none once a tool has answered, or where none is sent or allowed."""
    functions = [
        tool["function"]
        for tool in request.get("tools") or ()
        if tool.get("type") == "function" and tool.get("function")
    ]
    choice = request.get("tool_choice")
    if plan.behaviour == "tools":
        functions = functions[:1] or list(OWN_TOOLS)
    if not functions or choice == "none" or request["messages"][-1].get("role") == "tool":
        return []
    if isinstance(choice, dict):
        wanted = (choice.get("function") or {}).get("name")
        return [function for function in functions if function.get("name") == wanted][:1]
    return functions[: 1 if request.get("parallel_tool_calls") is False else 2]


def _call(function: Row, prompt: str, dice: Random) -> tuple[str, str, str]:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    arguments = replies.sample(schema, replies.Writer(prompt, dice))
    number = base64.b32encode(dice.randbytes(10)).decode().lower()
    return f"call_{number}", str(function.get("name", "")), json.dumps(arguments, ensure_ascii=False)


def _stop(plan: Plan, stop: Any) -> None:
    """End the text before the first stop sequence."""
    words = [stop] if isinstance(stop, str) else [word for word in stop or () if isinstance(word, str) and word]
    text = "".join(plan.pieces)
    places = [place for word in words if word and (place := text.find(word)) >= 0]
    if places:
        plan.pieces = tokens.pieces(text[: min(places)])


def _cap(plan: Plan, most: int | None) -> None:
    """Cut thoughts and text at the length limit; thinking counts too."""
    if most is None or plan.full[0] <= most:
        return
    plan.thoughts = plan.thoughts[:most]
    plan.pieces = plan.pieces[: most - len(plan.thoughts)]
    plan.calls = []
    plan.finish = "length"


def bare_variant(model: str) -> str:
    """The id without dynamic variants."""
    return re.sub(r":(nitro|floor|exacto|online)$", "", model)
