"""Embedding vectors that are alike for texts that are alike: words, word stems, a few synonyms and topics, letters."""

from __future__ import annotations

import hashlib
import math
import os
import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEATURES: Final = 512

TOPICS: Final = {
    "animal": "cat kitten cats dog puppy dogs pet animal horse bird fish mouse wolf fox lion tiger rabbit",
    "cat": "cat kitten cats feline tabby tomcat",
    "dog": "dog puppy dogs hound canine",
    "rest": "sat sit sits lay lie lies slept sleep sleeps rest rests nap curled dozed",
    "floor": "mat rug carpet floor blanket cushion sofa",
    "money": (
        "tax taxes money bank invoice due pay paid price cost budget salary loan credit cash finance "
        "revenue bill quarterly fee"
    ),
    "code": (
        "code program python rust function bug compiler software api server database test debug script "
        "deploy class variable"
    ),
    "food": (
        "food eat bread cheese soup cook cooking dinner lunch recipe tea coffee cake pasta rice fruit "
        "apple kitchen bake"
    ),
    "weather": "rain snow sun sunny cloud storm weather wind cold warm hot forecast umbrella thunder",
    "travel": "train plane flight travel trip airport hotel ticket city road car bus journey holiday",
    "health": "doctor hospital medicine pain ill sick health nurse fever headache therapy",
    "music": "music song sing piano guitar violin concert band melody orchestra",
    "sport": "football soccer goal team match game player run race tennis ball score won win coach",
    "space": "star planet moon space rocket orbit galaxy telescope astronaut mars",
    "law": "law court judge contract lawyer legal rights appeal clause",
    "love": "love heart happy joy smile kiss dear friend friendship",
    "sad": "sad sorrow cry tears grief angry hate fear",
    "school": "school teacher student learn lesson exam university study class homework",
    "water": "river sea ocean lake water boat ship swim beach wave",
    "home": "house home room door window garden roof wall",
}
_TOPIC_OF: Final[dict[str, list[str]]] = {}
for _topic, _words in TOPICS.items():
    for _word in _words.split():
        _TOPIC_OF.setdefault(_word, []).append(_topic)

_STOP: Final = "a an and are as at be by for he i in is it its my of on or she that the they this to was "
_STOP_MORE: Final = "we were with you your"
STOP_WORDS: Final = frozenset((_STOP + _STOP_MORE).split())


def embed(text: str, model: str, width: int, seed: int) -> NDArray[np.float32]:
    """A float32 vector of length 1."""
    np = load_numpy()
    features = np.zeros(FEATURES, dtype=np.float64)
    for name, weight in _weights(text).items():
        place, sign = _place(name)
        features[place] += sign * weight
    # a common part, as real models have: no two texts are wholly unlike
    features[0] += 0.35 * (math.sqrt(float(features @ features)) or 1.0)
    vector = features @ _matrix(model, width, seed)
    return (vector / (np.linalg.norm(vector) or 1.0)).astype(np.float32)  # type: ignore[no-any-return]


def load_numpy() -> Any:
    """numpy with one thread: for products as small as these others only wait for each other, and take the processor
    from whoever asks."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
    import numpy

    return numpy


def _weights(text: str) -> dict[str, float]:
    """What the text is made of, and how much each part says."""
    found: dict[str, float] = {}
    words = re.findall(r"\w+", text.lower())
    for word in words:
        if word in STOP_WORDS:
            found[f"w:{word}"] = found.get(f"w:{word}", 0.0) + 0.12
            continue
        found[f"w:{word}"] = found.get(f"w:{word}", 0.0) + 1.0
        found[f"s:{_stem(word)}"] = found.get(f"s:{_stem(word)}", 0.0) + 0.6
        for topic in _TOPIC_OF.get(word) or _TOPIC_OF.get(_stem(word)) or ():
            found[f"t:{topic}"] = found.get(f"t:{topic}", 0.0) + 1.1
        for start in range(len(word) - 2):
            gram = f"g:{word[start : start + 3]}"
            found[gram] = found.get(gram, 0.0) + 0.18
    for left, right in pairwise(words):
        found[f"b:{left} {right}"] = found.get(f"b:{left} {right}", 0.0) + 0.15
    if not words:
        found = {f"c:{character}": 1.0 for character in text}
    return {name: math.copysign(math.sqrt(abs(weight)), weight) for name, weight in found.items()}


def _stem(word: str) -> str:
    return re.sub(r"(ing|ies|es|ed|ly|s)$", "", word) if len(word) > 4 else word.rstrip("s")


@lru_cache(maxsize=20_000)
def _place(name: str) -> tuple[int, float]:
    """Where a feature counts, and with which sign; place 0 is kept for the common part."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    return 1 + number % (FEATURES - 1), 1.0 if number >> 63 else -1.0


@lru_cache(maxsize=16)
def _matrix(model: str, width: int, seed: int) -> Any:
    """The projection of one model; the same for the same seed."""
    np = load_numpy()
    digest = hashlib.blake2b(f"{seed}/{model}".encode(), digest_size=8).digest()
    dice = np.random.default_rng(int.from_bytes(digest, "little"))
    return dice.standard_normal((FEATURES, width))
