"""`ortui models`: the catalogue, filtered by the language of the screen."""

from __future__ import annotations

import time
from difflib import get_close_matches
from itertools import takewhile
from typing import TYPE_CHECKING, Final

import click
from typing_extensions import override

from tui.commands import clicking
from tui.commands.common_options import COMMON_NAMES, CommandError, CommonOptions
from tui.commands.output import complain, complain_of, write_bytes, write_table
from tui.commands.running import WorkerRun, run
from tui.core.catalogue_filter import FilterMistake, Query, QueryContext, SortOrder, parse
from tui.core.catalogue_index import CatalogueIndex
from tui.core.exit_status import GOOD, of_failure
from tui.core.formats import age, duration, length
from tui.core.listed_prices import input_price, output_price
from tui.core.model_export import models_csv, models_json
from tui.core.query_context import badge, query_context

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tui.config import Settings
    from tui.openrouter.catalogue import Model

_FRESH_S: Final = 600.0
_KINDS: Final = frozenset({"text", "image", "audio", "embeddings"})
"""What chat and embeddings answer with; rerank, speech, transcription and video have calls of their own."""


class _FilterCommand(click.Command):
    """Takes what is no option as a part of the filter, `-word` among it; an option mistyped is told."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = [name for option in self.get_params(ctx) for name in option.opts] + list(COMMON_NAMES)
        for word in takewhile(lambda word: word != "--", args):
            name = word.partition("=")[0]
            if name.startswith("--") and name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"-{name.lstrip('-')} would leave out what has the word."
                raise click.UsageError(f"There is no option {name}: {hint}", ctx)
        return super().parse_args(ctx, args)


@clicking.command(cls=_FilterCommand, name="models", context_settings={"ignore_unknown_options": True})
@clicking.as_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV, for spreadsheets; prices in USD per token.")
@click.option("--refresh", is_flag=True, help="Load the list anew, however fresh the last one is.")
@click.argument("words", metavar="[FILTER]...", nargs=-1, type=click.UNPROCESSED)
@clicking.given
def command(options: CommonOptions, words: tuple[str, ...], as_json: bool, as_csv: bool, refresh: bool) -> int:
    """List the chat and embedding models that match FILTER; all of them without one.

    FILTER is the language of the Models screen: words of id and name, and terms such as tools, vision, free,
    author:anthropic, ctx>=128k, in<=1, out<=5 (USD per million tokens), age<90d, in:image, out:embeddings,
    sort:price, sort:-ctx; a minus in front negates. Works without a key.
    """
    if as_json and as_csv:
        raise CommandError("--json and --csv exclude each other.")
    query = parse(" ".join(words))
    if isinstance(query, FilterMistake):
        text = " ".join(words)
        expected = query.expected if query.expected.endswith("?") else f"{query.expected}."
        raise CommandError(f"The filter is not understood at {text[query.start : query.end]!r}: {expected}")
    encode = models_json if as_json else models_csv if as_csv else None
    return run(_models(options.settings(), query, encode=encode, refresh=refresh))


async def _models(
    settings: Settings, query: Query, *, encode: Callable[[Sequence[Model]], bytes] | None, refresh: bool
) -> int:
    async with WorkerRun(settings) as worker:
        fetched_at = worker.state.catalogue_fetched_at
        if refresh or fetched_at is None or not 0 <= time.time() - fetched_at < _FRESH_S:
            failure = await worker.load_catalogue()
            if failure is not None:
                complain_of(failure)
                if not worker.state.models:
                    return of_failure(failure)
                complain(f"This is the list of {duration(max(0.0, time.time() - (fetched_at or 0)))} ago.")
        await worker.load_changes()
        models = [model for model in worker.state.models if _answers(model)]
        context = query_context(worker.state, time.time())
    index = CatalogueIndex(models)
    result = index.query(query, SortOrder(), context)
    if encode is not None:
        write_bytes(encode([index.models[row] for row in result.rows]))
        return GOOD
    if not result.rows and query.words:
        result = index.fuzzy(query, SortOrder(), context)
        if result.rows:
            complain("Nothing matches exactly; these are similar.")
    if not result.rows:
        complain("No model matches.")
    _write_table([index.models[row] for row in result.rows], context)
    return GOOD


def _answers(model: Model) -> bool:
    return not model.output_modalities or not _KINDS.isdisjoint(model.output_modalities)


def _write_table(models: Sequence[Model], context: QueryContext) -> None:
    write_table(
        ("Model", "Context", "In $/M", "Out $/M", "Age", "", "Name"),
        [
            (
                model.slug,
                length(model.context_length),
                input_price(model),
                output_price(model),
                age(model.created, context.now),
                badge(model, context),
                model.name,
            )
            for model in models
        ],
        right=frozenset({1, 2, 3, 4}),
    )
