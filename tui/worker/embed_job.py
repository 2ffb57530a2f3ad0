"""Embeds the texts of a sheet: what is in the store is not paid for again, the rest goes in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tui.core.commands import Embed
from tui.core.conversation import Cost, CostKind, Receipt
from tui.core.events import BudgetPassed, EmbedBegan, EmbedEnded, EmbedProgressed, JobState
from tui.core.ledger import RequestKind, RequestState
from tui.core.prices import estimate_cost
from tui.core.requests import PROMPT_RESERVE, Quote
from tui.core.tokens import count_tokens
from tui.database import estimates, vectors
from tui.database.thread import DatabaseClosed, StorageFailed
from tui.openrouter.chat import EmbeddingReply, EmbeddingRequest, Usage
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean
from tui.worker.ask_job import budget_failure
from tui.worker.context import failure_of, storage_error, undisturbed
from tui.worker.key_ring import Key
from tui.worker.paid_request import BudgetRefused, PaidRequest

if TYPE_CHECKING:
    from tui.core.conversation import Failure
    from tui.core.vectors import GivenRows, RowsBuilder
    from tui.worker.context import WorkerContext

_BATCH: Final = 128
_IN_FLIGHT: Final = 8
"""Requests at a time; the limits of the keys let fewer through where they are tighter."""
_NO_LIMIT: Final = 1 << 60
_HALVED_ON: Final = frozenset({ErrorKind.BAD_REQUEST, ErrorKind.TOO_LARGE, ErrorKind.CONTEXT_TOO_LONG})


class EmbedJob:
    """Fills in the vectors of a list of texts; what is embedded before a failure or a stop is kept."""

    def __init__(self, context: WorkerContext, embed: Embed) -> None:
        self._context = context
        self._embed = embed
        self._space = vectors.VectorSpace(
            origin=context.origin,
            model=embed.model,
            dimensions=embed.dimensions,
            input_type=embed.input_type,
        )
        self._vectors: dict[str, bytes] = {}
        """By text; empty where rows are gathered."""
        self._rows: RowsBuilder | None = None
        self._embedded: GivenRows | None = None
        self._done: set[str] = set()
        self._dimensions: int | None = None
        self._from_store = 0
        self._usage = Usage()
        self._spent = Decimal(0)
        self._all_billed = True
        self._cost_unknown = False
        self._tries = 0
        self._tokens: dict[str, int] = {}
        """By text, by our own count."""
        self._most = embed.batch_size or _BATCH
        """Texts in one request; providers that find so many too much make it smaller."""
        self._refusal: ApiError | BudgetRefused | StorageFailed | None = None
        self._started = time.monotonic()
        self._provider: Clean | None = None
        self._model_answered: Clean | None = None

    async def run(self, *, stopped: bool = False) -> None:
        """Embed what is missing; always ends with an `EmbedEnded`. `stopped`: before it could begin."""
        embed, context = self._embed, self._context
        context.publish(EmbedBegan(embed.job_id, len(embed.texts)))
        context.job(embed.job_id, "embed", JobState.QUEUED)
        failure: Failure | None = None
        state = JobState.CANCELLED if stopped else JobState.DONE
        try:
            await self._refuse_chat_models()
            await self._load_known()
            if not stopped:
                await self._embed_missing()
        except BudgetRefused as refused:
            failure, state = budget_failure(refused.refusal), JobState.FAILED
            if refused.refusal.action == "ask":
                context.publish(BudgetPassed(embed.job_id, refused.refusal))
        except ApiError as error:
            failure, state = failure_of(error), JobState.FAILED
        except StorageFailed as error:
            failure, state = failure_of(storage_error(error)), JobState.FAILED
        except asyncio.CancelledError:
            await undisturbed(self._finish(None, JobState.CANCELLED))
            raise
        except DatabaseClosed:
            raise
        except Exception:
            # A bug goes on to whoever started the worker, but leaves no job hanging.
            await undisturbed(self._finish(None, JobState.FAILED))
            raise
        await undisturbed(self._finish(failure, state))

    def _keep(self, vectors_by_text: Mapping[str, bytes]) -> None:
        """Note what has come; raises `ValueError` with a sentence where it is of another width."""
        if self._rows is not None:
            for text, vector in vectors_by_text.items():
                self._rows.put(text, vector)
        else:
            self._vectors.update(vectors_by_text)
        self._done.update(vectors_by_text)

    async def _refuse_chat_models(self) -> None:
        model = self._context.model(self._embed.model)
        if model is not None and model.output_modalities and not model.is_embedding:
            raise ApiError(
                ErrorKind.BAD_REQUEST,
                Clean(f"{model.slug} answers with {', '.join(model.output_modalities)}, not with embeddings."),
                advice=Clean("Choose an embedding model."),
                request_written=False,
            )

    async def _load_known(self) -> None:
        texts = self._wanted()
        if self._embed.as_rows:
            from tui.core.vectors import RowsBuilder  # brings numpy along

            self._rows = RowsBuilder(len(texts))
            await self._context.database.run(vectors.read_vectors, self._space, texts, self._rows)
            self._done.update(text for text in texts if text in self._rows)
            self._dimensions = self._rows.dimensions
        else:
            digests = {vectors.text_digest(text): text for text in texts}
            known = await self._context.database.run(vectors.find_vectors, self._space, digests)
            self._keep({digests[digest]: vector for digest, vector in known.items()})
            self._dimensions = next((len(vector) // 4 for vector in known.values()), None)
        self._from_store = len(self._done)
        self._say_progress()

    def _wanted(self) -> list[str]:
        """Each text once; blank ones have no vector."""
        return list(dict.fromkeys(text for text in self._embed.texts if text.strip()))

    async def _embed_missing(self) -> None:
        missing = [text for text in self._wanted() if text not in self._done]
        counts = await asyncio.to_thread(lambda: [count_tokens(text) for text in missing])
        self._tokens = dict(zip(missing, counts, strict=True))
        pending = iter(self._batches(missing))
        # The first goes alone: a wrong model or key fails once and not once a batch.
        if self._embed.first_alone:
            for batch in pending:
                await self._embed_batch(batch)
                break
        senders = [asyncio.create_task(self._embed_batches(pending)) for _ in range(_IN_FLIGHT)]
        try:
            await asyncio.gather(*senders)
        finally:
            # Stopped, or a bug in one: the others end too, and what they have sent is written down first.
            for sender in senders:
                sender.cancel()
            await undisturbed(_all_ended(senders))
        if self._refusal is not None:
            raise self._refusal

    def _batches(self, texts: list[str]) -> list[list[str]]:
        """Requests of at most so many texts, and of no more tokens than the limit lets through in a minute."""
        most_tokens = self._context.keys.limits.tokens_per_min or _NO_LIMIT
        batches: list[list[str]] = []
        tokens = 0
        for text in texts:
            if not batches or len(batches[-1]) >= self._most or tokens + self._tokens[text] > most_tokens:
                batches.append([])
                tokens = 0
            batches[-1].append(text)
            tokens += self._tokens[text]
        return batches

    async def _embed_batches(self, pending: Iterator[list[str]]) -> None:
        """Take one batch after the other; after a failure what is in flight is finished, since it is paid for."""
        for batch in pending:
            if self._refusal is not None:
                return
            try:
                await self._embed_batch(batch)
            except (ApiError, BudgetRefused, StorageFailed) as refusal:
                if self._refusal is None:
                    self._refusal = refusal

    async def _embed_batch(self, batch: list[str]) -> None:
        """One request; where the provider finds it too large, two of half the size."""
        if len(batch) > self._most:
            await self._in_parts(batch)
            return
        try:
            reply = await self._request(batch)
        except ApiError as error:
            if len(batch) > 1 and error.kind in _HALVED_ON:
                self._most = min(self._most, (len(batch) + 1) // 2)
                await self._in_parts(batch)
                return
            raise
        if self._dimensions is not None and reply.dimensions != self._dimensions:
            raise ApiError(
                ErrorKind.UNREADABLE,
                Clean(f"Vectors of {reply.dimensions} and of {self._dimensions} numbers came for one sheet."),
                advice=Clean("Embed the sheet again, with one provider chosen."),
            )
        self._dimensions = reply.dimensions
        fresh = dict(zip(batch, reply.vectors, strict=True))
        self._keep(fresh)
        self._say_progress()
        kept = {vectors.text_digest(text): vector for text, vector in fresh.items()}
        written = self._context.database.run(vectors.store_vectors, self._space, kept)
        await self._context.kept(written, "These embeddings are not kept and would be paid for again")

    async def _in_parts(self, batch: list[str]) -> None:
        start = 0
        while start < len(batch):
            part = batch[start : start + self._most]
            start += len(part)
            await self._embed_batch(part)

    async def _request(self, batch: list[str]) -> EmbeddingReply:
        context, embed = self._context, self._embed
        counted = sum(self._tokens[text] for text in batch)
        ratio = await context.database.run(estimates.estimator_ratio, context.origin, embed.model)
        prompt_tokens = max(1, round(counted * ratio))
        likely = estimate_cost(context.pricing(embed.model), now=context.server_now(), prompt_tokens=prompt_tokens)
        paid = PaidRequest(
            context=context,
            job_id=embed.job_id,
            kind=RequestKind.EMBEDDING,
            model=embed.model,
            quote=Quote(
                prompt_tokens=prompt_tokens,
                completion_tokens=0,
                prompt_usd=likely,
                likely_usd=likely,
                reserve_usd=None if likely is None else likely * PROMPT_RESERVE,
            ),
            max_tokens=None,
            counted_prompt_tokens=counted,
            wait_s=embed.wait_s,
        )
        request = EmbeddingRequest(
            model=embed.model,
            input=tuple(batch),
            user=embed.user,
            dimensions=embed.dimensions,
            input_type=embed.input_type,
        )

        async def attempt(key: Key) -> EmbeddingReply:
            client = await context.connection.client()
            paid.sending()
            return await client.embeddings(request, key.secret)

        try:
            for warning in await undisturbed(paid.reserve(allow=embed.over_budget)):
                context.warn(warning)
            reply = await paid.send(attempt)
        except ApiError as error:
            await undisturbed(self._settle_failure(paid, likely, error))
            raise
        except (StorageFailed, asyncio.CancelledError):
            await undisturbed(self._settle_failure(paid, likely, None))
            raise
        await undisturbed(self._settle(paid, reply, likely))
        return reply

    async def _settle(self, paid: PaidRequest, reply: EmbeddingReply, likely: Decimal | None) -> None:
        context = self._context
        if paid.key is not None:
            context.keys.note_success_soon(paid.key)
        self._tries += paid.tries
        self._provider, self._model_answered = reply.provider, reply.model
        billed = reply.usage.cost_usd is not None
        state = RequestState.BILLED if billed else RequestState.AWAITED
        estimate = likely
        if not billed:
            self._all_billed = False
            if reply.usage.prompt_tokens is not None:
                estimate = estimate_cost(
                    context.pricing(self._embed.model),
                    now=context.server_now(),
                    prompt_tokens=reply.usage.prompt_tokens,
                )
            if context.settings.provider.type == "openai" or reply.generation_id is None:
                state = RequestState.ESTIMATED if estimate is not None else RequestState.UNKNOWN
        cost = await paid.settle(
            state,
            usage=reply.usage,
            estimate_usd=estimate,
            model=reply.model,
            provider=reply.provider,
            generation_id=reply.generation_id,
        )
        self._add(cost, reply.usage)
        if state is RequestState.AWAITED:
            context.on_bill_awaited(paid.id, None)

    async def _settle_failure(self, paid: PaidRequest, likely: Decimal | None, error: ApiError | None) -> None:
        """Nothing is owed unless the request may have been carried out: then the estimate stands."""
        self._tries += paid.tries
        if not paid.reserved:
            return
        if not paid.in_flight:
            await paid.settle(RequestState.FREE, error=error)
            return
        state = RequestState.AWAITED if likely is not None else RequestState.UNKNOWN
        if self._context.settings.provider.type == "openai" and likely is not None:
            state = RequestState.ESTIMATED
        generation_id = error.generation_id if error else None
        cost = await paid.settle(state, estimate_usd=likely, error=error, generation_id=generation_id)
        self._all_billed = False
        self._add(cost, Usage())
        if state is RequestState.AWAITED:
            self._context.on_bill_awaited(paid.id, None)

    def _add(self, cost: Cost, usage: Usage) -> None:
        if cost.usd is None:
            self._cost_unknown = True
        else:
            self._spent += cost.usd
        self._usage = Usage(
            prompt_tokens=(self._usage.prompt_tokens or 0) + (usage.prompt_tokens or 0),
            cost_usd=self._spent,
        )

    def _say_progress(self) -> None:
        done = sum(1 for text in self._embed.texts if text in self._done)
        self._context.publish(EmbedProgressed(job_id=self._embed.job_id, done=done, total=len(self._embed.texts)))

    async def _finish(self, failure: Failure | None, state: JobState) -> None:
        embed = self._embed
        context = self._context
        await context.kept(context.sum_up(), "What was spent could not be summed up")
        if self._rows is not None:
            from tui.core.vectors import GivenRows

            rows = await asyncio.to_thread(self._rows.take)
            self._embedded = None if rows is None else GivenRows(rows)
        cost = Cost(self._spent, CostKind.BILLED if self._all_billed else CostKind.ESTIMATED)
        if self._cost_unknown:
            cost = Cost(None, CostKind.UNKNOWN)
        context.publish(
            EmbedEnded(
                job_id=embed.job_id,
                model=embed.model,
                vectors=() if embed.as_rows else tuple(self._vectors.get(text) for text in embed.texts),
                embedded=self._embedded,
                dimensions=self._dimensions,
                from_store=self._from_store,
                receipt=Receipt(
                    cost=cost,
                    prompt_tokens=self._usage.prompt_tokens,
                    duration_ms=round((time.monotonic() - self._started) * 1000),
                    provider=self._provider,
                    model_answered=self._model_answered,
                    tries=self._tries,
                ),
                usage=self._usage,
                failure=failure,
            )
        )
        context.job(embed.job_id, "embed", state)
        if self._tries:
            context.on_spent()


async def _all_ended(tasks: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
