"""The building blocks of the server's replies; `{a}` and `{b}` become words of the prompt, `{A}` has a capital."""

from __future__ import annotations

from typing import Final

OPENINGS: Final = (
    "Good question. The short answer: **{a}** is mostly a matter of choosing where the work happens.",
    "Let's take {a} apart before we judge it.",
    "There are two honest ways to look at {a}, and they disagree less than it seems.",
    "I would start with {a} itself and leave {b} for later.",
    "Here is how I think about {a}, with one example and one warning.",
    "In brief: {a} first, {b} second, and measure before you change anything.",
    "{A} sounds harder than it is; most of the difficulty is in the words we use for it.",
    "You can get far with {a} by following three rules and breaking one of them knowingly.",
)

SHORT: Final = (
    "Yes – as long as {a} stays small. Beyond that I would measure.",
    "Roughly: {a} is the *what*, {b} is the *how*. Start with the what.",
    "No. {A} changes too often for that; keep it next to {b} instead.",
    "It depends on {a}, but the usual answer is **twice a week**.",
    "Hello! Ask me anything about {a}; I am a demo and know very little, but I say it nicely.",
    "About 42, give or take {a}.",
)

HEADINGS: Final = (
    "What {a} really means", "Where it goes wrong", "A first attempt", "How to measure it", "Trade-offs",
    "{A} and {b} side by side", "What I would do", "Step by step", "Limits", "A small example",
)  # fmt: skip

PARAGRAPHS: Final = (
    (
        "Most people meet {a} at the worst moment: late, in a hurry, and with somebody else's notes. It helps to "
        "write down what *should* happen before looking at what does. Half of the surprises disappear at that "
        "point, and the other half become questions that can be answered."
    ),
    (
        "The usual advice is to keep {a} simple. That is true but not useful. What helps is to decide which part "
        "may become complicated, and to keep it in **one place** with a name that a newcomer would guess. "
        "Everything else then stays simple almost by itself."
    ),
    (
        "Think of {a} as a kitchen. The recipes matter less than where the knives are: if a cook has to cross the"
        " room for every cut, no recipe will save the evening. {B} is the knife here. Put it within reach."
    ),
    (
        "There is a cost, of course. Each layer between {a} and {b} adds a little delay and a little doubt, and "
        "both add up when nobody looks. A rule of thumb that has served me well: if you cannot say what a layer "
        "*prevents*, remove it."
    ),
    (
        "Numbers settle this faster than arguments. Measure {a} for a week, change one thing, and measure again. "
        "If the difference is smaller than the noise, you have learned something too: it did not matter, and you "
        "may stop."
    ),
    (
        "Two teams once tried this independently. The first planned for three months and then built `{ident}` in "
        "a week; the second built it in a week and repaired it for three months. Both were done at the same time,"
        " but only one of them could explain {b} afterwards."
    ),
    (
        "It is tempting to treat {b} as a detail. It is not: it decides how failures look. When {a} breaks loudly"
        " you lose a minute, when it breaks quietly you lose a month."
    ),
    (
        "Accents and alphabets are worth a test of their own – naïve code treats *Zürich*, *Kraków* and 東京 alike "
        "until the day it doesn't, and {a} is where that day usually begins."
    ),
)

QUOTES: Final = (
    "Make the change easy, then make the easy change.",
    "A slow answer that is right beats a fast one that must be checked.",
    "Whatever you measure, write down when and on which machine.",
    "The map is not {a}.",
)

BULLETS: Final = (
    "**Clarity** – say what {a} is for, in one sentence",
    "**Cost** – count what it uses, not what it promises",
    "**Safety** – decide what happens when {b} is missing",
    "keep the old way until the new one has run for a month",
    "name things after {a}, not after the people who built them",
    "`{ident}` should have exactly one owner",
    "write the test that would have caught the last failure",
    "leave room for {b}, but do not build it yet",
    "ask who will read this in a year",
)

SUB_BULLETS: Final = (
    "a note in the margin is enough",
    "most of the time this takes ten minutes",
    "if it takes longer, the question was wrong",
    "see also the part about {b}",
    "one exception: the very first run",
)

STEPS: Final = (
    "Collect three examples of {a} that went well and one that did not.",
    "Underline what they have in common.",
    "Write the smallest thing that handles all four.",
    "Run it on yesterday's data and compare.",
    "Show it to somebody who does not know {b}.",
    "Remove whatever they did not notice.",
    "Put a number on it: `{ident} <= 0.05` is a good start.",
)

TABLES: Final = (
    (
        ("Option", "Speed", "Cost", "When"),
        ("small {a}", "fast", "$", "every day"),
        ("large {a}", "slow", "$$$", "once a week"),
        ("{b} only", "medium", "$$", "when in doubt"),
    ),
    (
        ("Step", "Input", "Output"),
        ("1", "{a}", "a list"),
        ("2", "the list", "`{ident}`"),
        ("3", "`{ident}`", "{b}"),
    ),
    (
        ("Measure", "Before", "After", "Change"),
        ("{a} per second", "118", "342", "+190 %"),
        ("errors", "2.4 %", "0.3 %", "−88 %"),
        ("memory", "512 MB", "96 MB", "−81 %"),
        ("mood", "🙁", "🙂", "better"),
    ),
)

CODE: Final = (
    ("python", '''from dataclasses import dataclass


@dataclass(frozen=True)
class {Ident}:
    """One {a}, as it was measured."""

    name: str
    value: float = 0.0

    def better_than(self, other: "{Ident}") -> bool:
        return self.value > other.value


best = max(({Ident}(n, len(n)) for n in ["{a}", "{b}"]), key=lambda x: x.value)
print(f"{best.name}: {best.value:.2f}")  # → the longer word wins'''),
    ("rust", '''use std::collections::HashMap;

fn count_{ident}(text: &str) -> HashMap<&str, usize> {
    let mut seen = HashMap::new();
    for word in text.split_whitespace() {
        *seen.entry(word).or_insert(0) += 1;
    }
    seen
}

fn main() {
    let seen = count_{ident}("{a} {b} {a}");
    assert_eq!(seen["{a}"], 2);
}'''),
    ("javascript", '''// Ask again, but not too often.
export async function fetch{Ident}(url, tries = 3) {
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const response = await fetch(url);
    if (response.ok) return response.json();
    await new Promise((done) => setTimeout(done, 250 * 2 ** attempt));
  }
  throw new Error(`no {a} after ${tries} tries`);
}'''),
    ("sql", '''SELECT {ident}.name, count(*) AS uses, round(avg(cost), 4) AS mean_cost
FROM {ident}
JOIN ledger USING (request_id)
WHERE day >= date('now', '-30 days')
GROUP BY {ident}.name
HAVING uses > 5
ORDER BY mean_cost DESC;'''),
    ("bash", '''set -euo pipefail
for file in ./{ident}/*.txt; do
  lines=$(wc -l < "$file")
  printf '%6d  %s\\n' "$lines" "${file##*/}"
done | sort -rn | head'''),
    ("go", '''package main

import "fmt"

type {Ident} struct {
	Name  string
	Value float64
}

func main() {
	for i, it := range []{Ident}{{"{a}", 1.5}, {"{b}", 2.5}} {
		fmt.Printf("%d: %-12s %6.2f\\n", i, it.Name, it.Value)
	}
}'''),
    ("json", '''{
  "{ident}": {"enabled": true, "limit": 42, "tags": ["{a}", "{b}"]},
  "fallback": null
}'''),
    ("yaml", '''{ident}:
  enabled: true
  schedule: "0 6 * * 1-5"   # every working day at six
  notify: [team-{ident}, "{b}@example.test"]'''),
)  # fmt: skip

AFTER_CODE: Final = (
    "The interesting line is the one in the middle; the rest is there so that it can be run.",
    "It is short on purpose. When {b} arrives, only `{ident}` has to change.",
    "Run it once with an empty input: that is the case everyone forgets.",
)

LINKS: Final = (
    "More in the [handbook](https://example.test/handbook/{ident}) and in [these notes](https://example.test/notes).",
    "See <https://example.test/{ident}> for the long version.",
    "The [reference](https://example.test/reference#{ident}) lists every case; this is the one that matters.",
)

CLOSINGS: Final = (
    "If you tell me more about {b}, I can be more exact.",
    "Start with the first step today; the others can wait until it hurts.",
    "That is all there is to it – the rest is patience.",
    "Shall I turn this into a checklist?",
    "My advice: try it on {a} that nobody would miss, then decide.",
)

THOUGHTS: Final = (
    "The user asks about {a}. ",
    "I should first make clear what {a} means here. ",
    "There may be a hidden assumption about {b}. ",
    "Let me check the simple case before the general one. ",
    "If {a} is small, the direct way works; otherwise it needs a second look. ",
    "An example would help more than a definition. ",
    "I could mention {b}, but only briefly. ",
    "Hmm, wait: that only holds when both are known in advance. ",
    "So the answer has two parts. ",
    "A table may be clearer than prose. ",
    "Let me not promise more than I know. ",
    "Good, I can write this down now. ",
)

_COMMON: Final = """
    a about above after again all also am an and answer any are as at be because been before being below between
    both briefly but by can could detail did do does doing down during each example examples explain few for
    from further give had has have having he help her here hers him his how i if in into is it its just like
    long make me more most my need no nor not now of off on once one only or other our out over own please
    question reply same say she short should show so some such tell than that the their them then there these
    they think this those three through to too two under until up use very want was we were what when where
    which while who whom why will with would write you your
"""

COMMON_WORDS: Final = frozenset(_COMMON.split())
"""Words that a reply is not about."""
