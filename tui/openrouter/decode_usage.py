"""Usage and cost as replies, embeddings and past generations report them."""

from __future__ import annotations

from collections.abc import Mapping

from tui.openrouter.chat import Usage
from tui.openrouter.lenient import as_count, as_mapping, as_money


def usage_from(value: object) -> Usage | None:
    """A `usage` object; None when there is none. Absurd counts and costs become unknown."""
    usage = as_mapping(value)
    if not usage:
        return None
    prompt = as_mapping(usage.get("prompt_tokens_details"))
    completion = as_mapping(usage.get("completion_tokens_details"))
    # The guides and the schema disagree about the name of this one.
    tools = as_mapping(usage.get("server_tool_use_details")) or as_mapping(usage.get("server_tool_use"))
    return Usage(
        prompt_tokens=as_count(usage.get("prompt_tokens")),
        completion_tokens=as_count(usage.get("completion_tokens")),
        reasoning_tokens=as_count(completion.get("reasoning_tokens")),
        cached_tokens=as_count(prompt.get("cached_tokens")),
        cache_write_tokens=as_count(prompt.get("cache_write_tokens")),
        cost_usd=as_money(usage.get("cost")),
        upstream_cost_usd=as_money(as_mapping(usage.get("cost_details")).get("upstream_inference_cost")),
        is_byok=usage.get("is_byok") is True,
        web_search_requests=as_count(tools.get("web_search_requests")),
    )


def usage_of_generation(record: Mapping[str, object]) -> Usage:
    """The bill in a `/generation` record: native token counts, which are the billed ones."""
    cost_usd = as_money(record.get("total_cost"))
    return Usage(
        prompt_tokens=as_count(record.get("native_tokens_prompt")),
        completion_tokens=as_count(record.get("native_tokens_completion")),
        reasoning_tokens=as_count(record.get("native_tokens_reasoning")),
        cached_tokens=as_count(record.get("native_tokens_cached")),
        cost_usd=as_money(record.get("usage")) if cost_usd is None else cost_usd,
        upstream_cost_usd=as_money(record.get("upstream_inference_cost")),
        is_byok=record.get("is_byok") is True,
    )
