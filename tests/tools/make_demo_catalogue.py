"""Write `tui/demo/catalogue.json`, the true facts of the demo catalogue, from the PyPI package `genai-prices` (MIT).

Run by hand (`python tests/tools/make_demo_catalogue.py`) when newer facts are wanted: ids, context lengths and prices
come from that package. All that it lacks is invented by the server at start, and never written into this file.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from genai_prices.data import providers

OUT: Final = Path(__file__).resolve().parents[2] / "tui" / "demo" / "catalogue.json"
NOTICE: Final = (
    "Model ids, context lengths and prices from genai-prices {version}, "
    "MIT License, Copyright (c) Pydantic Services Inc. 2025 to present."
)

CONTEXTS: Final = {
    "anthropic/claude-3.5-sonnet": 200_000,
    "anthropic/claude-3-opus": 200_000,
    "google/gemini-pro-1.5": 2_000_000,
    "meta-llama/llama-3.2-90b-vision-instruct": 131_072,
    "mistralai/mistral-7b-instruct": 32_768,
}
"""Published context lengths of models that the package lists without one."""

RENAMED: Final = {"meta-llama/llama-3.2-90b-vision-instruct": "meta-llama/llama-3.2-90b-instruct"}
BATCH_ROWS: Final = ("openai/gpt-4o:batch", "google/gemini-2.5-pro:batch", "anthropic/claude-opus-5:batch")
"""`:batch` rows cannot be used on this API surface; a few stand for all of them."""

PRICE_KEYS: Final = {
    "input_mtok": "prompt",
    "output_mtok": "completion",
    "cache_read_mtok": "input_cache_read",
    "cache_write_mtok": "input_cache_write",
    "cache_write_1h_mtok": "input_cache_write_1h",
    "input_audio_mtok": "audio",
    "output_audio_mtok": "audio_output",
    "output_reasoning_mtok": "internal_reasoning",
}

EMBEDDINGS: Final = (
    # provider there, model there, id here, name, context length where the package has none
    ("openai", "text-embedding-3-small", "openai/text-embedding-3-small", "Text Embedding 3 Small", 8192),
    ("openai", "text-embedding-3-large", "openai/text-embedding-3-large", "Text Embedding 3 Large", 8192),
    ("openai", "text-embedding-ada-002", "openai/text-embedding-ada-002", "Text Embedding Ada 002", 8192),
    ("google", "gemini-embedding-001", "google/gemini-embedding-001", "Gemini Embedding 001", 2048),
    ("google", "gemini-embedding-2", "google/gemini-embedding-2", "Gemini Embedding 2", 8192),
    ("mistral", "mistral-embed", "mistralai/mistral-embed-2312", "Mistral Embed 2312", 8192),
    ("mistral", "codestral-embed-2505", "mistralai/codestral-embed-2505", "Codestral Embed 2505", 8000),
    ("cohere", "embed-v4.0", "cohere/embed-v4.0", "Embed v4.0", 128_000),
    ("aws", "amazon.titan-embed-text-v2:0", "amazon/titan-embed-text-v2", "Titan Text Embeddings V2", 8192),
    ("cloudflare", "@cf/qwen/qwen3-embedding-0.6b", "qwen/qwen3-embedding-0.6b", "Qwen3 Embedding 0.6B", 32_768),
    ("voyageai", "voyage-4", "voyageai/voyage-4", "Voyage 4", 32_000),
    ("voyageai", "voyage-code-3", "voyageai/voyage-code-3", "Voyage Code 3", 32_000),
)

NOW: Final = datetime.now(UTC)


def plain(amount: Decimal) -> str:
    """The decimal without an exponent and without trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def per_token(per_million: Decimal) -> str:
    """USD per token as the catalogue writes it, from USD per million tokens."""
    return plain(per_million.scaleb(-6))


def pricing(prices: Any) -> dict[str, Any]:
    """A pricing object: base prices, and one override per tier (a cliff at so many prompt tokens)."""
    found: dict[str, Any] = {}
    tiers: dict[int, dict[str, str]] = {}
    for key, name in PRICE_KEYS.items():
        price = getattr(prices, key, None)
        if price is None:
            continue
        if isinstance(price, Decimal):
            found[name] = per_token(price)
        else:
            found[name] = per_token(price.base)
            for tier in price.tiers:
                tiers.setdefault(tier.start, {})[name] = per_token(tier.price)
    searches = getattr(prices, "web_searches_kcount", None)
    if isinstance(searches, Decimal):
        found["web_search"] = plain(searches.scaleb(-3))
    if tiers:
        found["overrides"] = [{"min_prompt_tokens": start, **tiers[start]} for start in sorted(tiers)]
    return found


def dated_slug(model: Any, model_id: str) -> str:
    """The permanent, dated name among those by which the model is known, else the id itself."""
    author = model_id.split("/", 1)[0]
    clauses = getattr(model.match, "or_", [])
    names = [name for clause in clauses if isinstance(name := getattr(clause, "equals", None), str)]
    dated = [name for name in names if re.fullmatch(rf"{re.escape(author)}/[^:]+-\d{{8}}", name)]
    return dated[0] if dated else model_id


def chat_rows() -> list[dict[str, Any]]:
    """Every OpenRouter row with a context length and both prices, free rows, and a few batch rows."""
    rows = []
    (openrouter,) = (provider for provider in providers if provider.id == "openrouter")
    for model in openrouter.models:
        context = model.context_window or CONTEXTS.get(model.id)
        if context is None or "/" not in model.id or (model.id.endswith(":batch") and model.id not in BATCH_ROWS):
            continue
        prices = pricing(model.get_prices(NOW))
        if not prices and (model.id.endswith(":free") or "lyria" in model.id):
            prices = {"prompt": "0", "completion": "0"}
        if "prompt" not in prices or "completion" not in prices:
            continue
        model_id = RENAMED.get(model.id, model.id)
        slug = dated_slug(model, model_id)
        rows.append({"id": model_id, "slug": slug, "name": model.name, "context": context, "pricing": prices})
    return rows


def embedding_rows() -> list[dict[str, Any]]:
    """The embedding models, which the package lists under their own providers."""
    known = {(provider.id, model.id): model for provider in providers for model in provider.models}
    rows = []
    for provider, name, model_id, shown, context in EMBEDDINGS:
        model = known[provider, name]
        prices = pricing(model.get_prices(NOW))
        kept = {"prompt": prices["prompt"], "completion": "0"}
        rows.append(
            {
                "id": model_id,
                "slug": model_id,
                "name": shown,
                "context": model.context_window or context,
                "pricing": kept,
            }
        )
    return rows


def main() -> None:
    """Write the file, one row a line, so that a newer edition reads well as a difference."""
    chat, embeddings = chat_rows(), embedding_rows()
    lines = ["{", f'"notice": {json.dumps(NOTICE.format(version=version("genai-prices")))},', '"models": [']
    lines.append(",\n".join(json.dumps(row, ensure_ascii=False) for row in chat))
    lines += ["],", '"embeddings": [']
    lines.append(",\n".join(json.dumps(row, ensure_ascii=False) for row in embeddings))
    lines += ["]", "}"]
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{OUT}: {len(chat)} chat models, {len(embeddings)} embedding models", file=sys.stderr)


if __name__ == "__main__":
    main()
