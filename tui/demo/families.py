"""What is known of model families by their names: makers, tokenizers, modalities, reasoning, pace."""

from __future__ import annotations

import re
from typing import Final

AUTHORS: Final = {
    "ai21": "AI21",
    "aion-labs": "AionLabs",
    "allenai": "AllenAI",
    "amazon": "Amazon",
    "anthropic": "Anthropic",
    "arcee-ai": "Arcee AI",
    "baidu": "Baidu",
    "bytedance": "ByteDance",
    "bytedance-seed": "ByteDance Seed",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "google": "Google",
    "ibm-granite": "IBM",
    "inception": "Inception",
    "liquid": "LiquidAI",
    "meta": "Meta",
    "meta-llama": "Meta",
    "microsoft": "Microsoft",
    "minimax": "MiniMax",
    "mistralai": "Mistral",
    "moonshotai": "MoonshotAI",
    "nousresearch": "Nous",
    "nvidia": "NVIDIA",
    "openai": "OpenAI",
    "perplexity": "Perplexity",
    "qwen": "Qwen",
    "rekaai": "Reka",
    "sakana": "Sakana AI",
    "sao10k": "Sao10K",
    "stepfun": "StepFun",
    "tencent": "Tencent",
    "thedrummer": "TheDrummer",
    "thinkingmachines": "Thinking Machines",
    "upstage": "Upstage",
    "voyageai": "Voyage AI",
    "writer": "Writer",
    "x-ai": "xAI",
    "xiaomi": "Xiaomi",
    "z-ai": "Z.AI",
}

HOMES: Final = {
    "ai21": ("AI21",),
    "aion-labs": ("AionLabs",),
    "amazon": ("Amazon Bedrock", "Amazon Nova"),
    "anthropic": ("Anthropic", "Amazon Bedrock", "Google", "Azure"),
    "arcee-ai": ("Arcee AI", "Together"),
    "baidu": ("Baidu", "Novita"),
    "bytedance-seed": ("Seed", "BytePlus"),
    "cohere": ("Cohere", "Azure"),
    "deepseek": ("DeepSeek", "DeepInfra", "Novita", "Fireworks", "Together"),
    "google": ("Google AI Studio", "Google"),
    "inception": ("Inception",),
    "liquid": ("Liquid",),
    "meta": ("Meta", "Amazon Bedrock"),
    "meta-llama": ("DeepInfra", "Together", "Groq", "Fireworks", "SambaNova", "Nebius"),
    "minimax": ("Minimax", "Novita"),
    "mistralai": ("Mistral", "Azure", "DeepInfra"),
    "moonshotai": ("Moonshot AI", "Fireworks", "Novita", "Groq"),
    "morph": ("Morph",),
    "nvidia": ("Nvidia", "DeepInfra"),
    "openai": ("OpenAI", "Azure"),
    "perceptron": ("Perceptron",),
    "perplexity": ("Perplexity",),
    "poolside": ("Poolside",),
    "qwen": ("Alibaba", "DeepInfra", "Novita", "Fireworks", "Cerebras"),
    "rekaai": ("Reka",),
    "relace": ("Relace",),
    "sakana": ("Sakana AI",),
    "stepfun": ("StepFun",),
    "tencent": ("Tencent", "SiliconFlow"),
    "thinkingmachines": ("Thinking Machines",),
    "upstage": ("Upstage",),
    "voyageai": ("VoyageAI by MongoDB",),
    "x-ai": ("xAI",),
    "writer": ("Amazon Bedrock",),
    "xiaomi": ("Xiaomi",),
    "z-ai": ("Z.AI", "DeepInfra", "Novita", "SiliconFlow"),
}
"""Who serves the models of an author; the first is the top provider."""

HOSTS: Final = (
    "DeepInfra",
    "Together",
    "Novita",
    "Fireworks",
    "Chutes",
    "Nebius",
    "Parasail",
    "SiliconFlow",
    "Friendli",
)
"""Who serves open models of anybody."""

BILLING_STOPS: Final = frozenset(
    {
        "OpenAI", "Azure", "Anthropic", "Fireworks", "Novita", "DeepInfra", "Together", "Cohere", "xAI", "Cloudflare",
        "Friendli", "Chutes", "DeepSeek", "Liquid", "Avian", "Infermatic", "Mancer 2", "FakeProvider",
    }
)  # fmt: skip
"""Providers that stop billing when a stream is cancelled (reference, section 8); `FakeProvider` is ours."""

TOKENIZERS: Final = {
    "amazon": "Nova",
    "anthropic": "Claude",
    "cohere": "Cohere",
    "deepseek": "DeepSeek",
    "google": "Gemini",
    "meta-llama": "Llama3",
    "mistralai": "Mistral",
    "openai": "GPT",
    "qwen": "Qwen3",
    "x-ai": "Grok",
}

OPEN_WEIGHTS: Final = frozenset(
    {
        "allenai", "deepseek", "ibm-granite", "liquid", "meta-llama", "microsoft", "moonshotai", "nousresearch",
        "nvidia", "qwen", "sao10k", "thedrummer", "z-ai",
    }
)  # fmt: skip

CLOSED: Final = frozenset(
    {
        "ai21",
        "amazon",
        "anthropic",
        "cohere",
        "google",
        "inception",
        "openai",
        "perplexity",
        "voyageai",
        "writer",
        "x-ai",
    }
)
"""Authors whose models nobody else may serve."""

_SEES: Final = re.compile(
    r"gpt-4o|gpt-4\.1|gpt-4-turbo|gpt-[5-9]|/o[134]|claude|gemini|nano-banana|vl|vision|vl-|omni|grok-[4-9]|5v|4\.\dv"
    r"|pixtral|nova-(lite|pro|premier|2)|gemma-[34]|moondream|molmo|mistral-(small|medium)-3|kimi-k[3-9]|muse|sonar-pro"
    r"|ui-tars|reka|palmyra|glimpse|perceptron|seed"
)
_HEARS: Final = re.compile(r"gemini|omni|gpt-audio|voxtral")
_DRAWS: Final = re.compile(r"-image|nano-banana")
_REASONS: Final = re.compile(
    r"/o[134]|gpt-[5-9]|gpt-oss|claude-(opus|sonnet|haiku|fable)-|gemini-(2\.5|[3-9])|deepseek-(r1|v3\.[1-9]|v4)|thinking|think"
    r"|reasoning|qwen3-(8b|30b|235b)|qwen3\.[5-9]|qwq|grok-[4-9]|grok-code|kimi-k[3-9]|glm-(4\.[5-9]|5)|nemotron|minimax-m"
    r"|deep-research|mimo|hunyuan|hy[34]|aion-[23]|olmo-3|inkling|step-|seed-[12]|muse|mercury-[23]|solar-pro|beam|ling-3"
)
_ALWAYS_REASONS: Final = re.compile(
    r"/o[134]|gpt-[5-9]|gpt-oss|-pro$|deepseek-r1|thinking|reasoning|grok-4\.[5-9]|minimax-m1"
)
_SMALL: Final = re.compile(
    r"nano|flash|lite|mini|small|haiku|tiny|fast|instant|turbo|lightning|-[1-9]b|3b|8b|7b|9b|micro|luna|edge|-[1-4]\.\db"
)
_LARGE: Final = re.compile(r"-pro\b|opus|ultra|405b|large|max|fable|deep-research|astra|2\.4t|prime|/o1|gpt-4$")


def author_of(model_id: str) -> str:
    """The author's slug, without the tilde of an alias."""
    return model_id.lstrip("~").split("/", 1)[0]


def shown_author(author: str) -> str:
    """The author's name as people write it."""
    return AUTHORS.get(author) or author.replace("-", " ").title()


def input_modalities(model_id: str) -> list[str]:
    """What the model takes."""
    kinds = ["text"]
    if _SEES.search(model_id):
        kinds.append("image")
        if author_of(model_id) in {"openai", "anthropic", "google"}:
            kinds.append("file")
    if _HEARS.search(model_id):
        kinds.append("audio")
        if "gemini" in model_id and "image" not in model_id:
            kinds.append("video")
    return kinds


def output_modalities(model_id: str) -> list[str]:
    """What the model gives."""
    if "lyria" in model_id:
        return ["audio"]
    if _DRAWS.search(model_id):
        return ["image", "text"]
    return ["text", "audio"] if "gpt-audio" in model_id else ["text"]


def reasons(model_id: str) -> bool:
    """Whether the model can think before it answers."""
    return bool(_REASONS.search(model_id)) and not _DRAWS.search(model_id) and "safe" not in model_id


def always_reasons(model_id: str) -> bool:
    """Whether thinking cannot be switched off."""
    return bool(_ALWAYS_REASONS.search(model_id))


def size_class(model_id: str) -> int:
    """0 small and fast, 1 in between, 2 large and slow."""
    if _LARGE.search(model_id):
        return 2
    return 0 if _SMALL.search(model_id) else 1
