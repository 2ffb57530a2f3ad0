"""Embeds the texts of a sheet: what is in the store is not paid for again, the rest goes in batches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tui.core.commands import Embed
from tui.core.conversation import Cost, CostKind, Receipt
from tui.core.events import BudgetPassed, EmbedBegan, EmbedEnded, EmbedProgressed, JobState
from tui.core.ledger import RequestKind, RequestState
from tui.core.prices import estimate_cost
from tui.core.requests import Quote
from tui.core.tokens import count_tokens
from tui.database import vectors
from tui.openrouter.chat import EmbeddingReply, EmbeddingRequest, Usage
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean
from tui.worker.ask_job import budget_failure
from tui.worker.context import failure_of, undisturbed
from tui.worker.key_ring import Key
from tui.worker.paid_request import BudgetRefused, PaidRequest

if TYPE_CHECKING:
    from tui.core.conversation import Failure
    from tui.worker.context import WorkerContext

_BATCH: Final = 128
_IN_FLIGHT: Final = 4
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
        """By text."""
        self._dimensions: int | None = None
        self._from_store = 0
        self._usage = Usage()
        self._spent = Decimal(0)
        self._all_billed = True
        self._tries = 0
        self._refusal: ApiError | BudgetRefused | None = None
        self._started = time.monotonic()
        self._provider: Clean | None = None
        self._model_answered: Clean | None = None

    async def run(self) -> None:
        """Embed what is missing; always ends with an `EmbedEnded`."""
        embed, context = self._embed, self._context
        context.publish(EmbedBegan(embed.job_id, len(embed.texts)))
        context.job(embed.job_id, "embed", JobState.QUEUED)
        failure: Failure | None = None
        state = JobState.DONE
        try:
            await self._refuse_chat_models()
            await self._load_known()
            await self._embed_missing()
        except BudgetRefused as refused:
            failure, state = budget_failure(refused.refusal), JobState.FAILED
            if refused.refusal.action == "ask":
                context.publish(BudgetPassed(embed.job_id, refused.refusal))
        except ApiError as error:
            failure, state = failure_of(error), JobState.FAILED
        except asyncio.CancelledError:
            await undisturbed(self._finish(None, JobState.CANCELLED))
            raise
        await undisturbed(self._finish(failure, state))

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
        digests = {vectors.text_digest(text): text for text in texts}
        known = await self._context.database.run(vectors.find_vectors, self._space, digests)
        self._vectors.update((digests[digest], vector) for digest, vector in known.items())
        self._from_store = len(known)
        for vector in known.values():
            self._dimensions = len(vector) // 4
            break
        self._say_progress()

    def _wanted(self) -> list[str]:
        """Each text once; blank ones have no vector."""
        return list(dict.fromkeys(text for text in self._embed.texts if text.strip()))

    async def _embed_missing(self) -> None:
        missing = [text for text in self._wanted() if text not in self._vectors]
        size = self._embed.batch_size or _BATCH
        batches = [missing[start : start + size] for start in range(0, len(missing), size)]
        # The first goes alone: a wrong model or key fails once and not once a batch.
        pending = iter(batches)
        for batch in pending:
            await self._embed_batch(batch)
            break
        await asyncio.gather(*(self._embed_batches(pending) for _ in range(_IN_FLIGHT)))
        self._raise_refusal()

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    async def _embed_batches(self, pending: Iterator[list[str]]) -> None:
        """Take one batch after the other; after a failure what is in flight is finished, since it is paid for."""
        for batch in pending:
            if self._refusal is not None:
                return
            try:
                await self._embed_batch(batch)
            except (ApiError, BudgetRefused) as refusal:
                if self._refusal is None:
                    self._refusal = refusal

    async def _embed_batch(self, batch: list[str]) -> None:
        """One request; where the provider finds it too large, two of half the size."""
        try:
            reply = await self._request(batch)
        except ApiError as error:
            if len(batch) > 1 and error.kind in _HALVED_ON:
                middle = len(batch) // 2
                await self._embed_batch(batch[:middle])
                await self._embed_batch(batch[middle:])
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
        self._vectors.update(fresh)
        kept = {vectors.text_digest(text): vector for text, vector in fresh.items()}
        await self._context.database.run(vectors.store_vectors, self._space, kept)
        self._say_progress()

    async def _request(self, batch: list[str]) -> EmbeddingReply:
        context, embed = self._context, self._embed
        prompt_tokens = await asyncio.to_thread(lambda: sum(map(count_tokens, batch)))
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
                reserve_usd=None if likely is None else likely * Decimal("1.2"),
            ),
            max_tokens=None,
            counted_prompt_tokens=prompt_tokens,
            wait_s=embed.wait_s,
        )
        for warning in await paid.reserve(allow=embed.over_budget):
            context.warn(warning)
        request = EmbeddingRequest(
            model=embed.model,
            input=tuple(batch),
            user=embed.user,
            dimensions=embed.dimensions,
            input_type=embed.input_type,
        )

        async def attempt(key: Key) -> EmbeddingReply:
            client = await context.connection.client()
            return await client.embeddings(request, key.secret)

        try:
            reply = await paid.send(attempt)
        except ApiError as error:
            await undisturbed(self._settle_failure(paid, likely, error))
            raise
        except asyncio.CancelledError:
            await undisturbed(self._settle_failure(paid, likely, None))
            raise
        await undisturbed(self._settle(paid, reply, likely))
        return reply

    async def _settle(self, paid: PaidRequest, reply: EmbeddingReply, likely: Decimal | None) -> None:
        context = self._context
        if paid.key is not None:
            await context.keys.note_success(paid.key)
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
            context.collect_bills()

    async def _settle_failure(self, paid: PaidRequest, likely: Decimal | None, error: ApiError | None) -> None:
        """Nothing is owed unless the request may have been carried out: then the estimate stands."""
        self._tries += paid.tries
        maybe_billed = paid.sent_at is not None and (error is None or error.outcome_unknown)
        if not maybe_billed:
            await paid.settle(RequestState.FREE, error=error)
            return
        state = RequestState.AWAITED if likely is not None else RequestState.UNKNOWN
        if self._context.settings.provider.type == "openai" and likely is not None:
            state = RequestState.ESTIMATED
        cost = await paid.settle(state, estimate_usd=likely, error=error)
        self._all_billed = False
        self._add(cost, Usage())

    def _add(self, cost: Cost, usage: Usage) -> None:
        if cost.usd is not None:
            self._spent += cost.usd
        self._usage = Usage(
            prompt_tokens=(self._usage.prompt_tokens or 0) + (usage.prompt_tokens or 0),
            cost_usd=self._spent,
        )

    def _say_progress(self) -> None:
        done = sum(1 for text in self._embed.texts if text in self._vectors)
        self._context.publish(EmbedProgressed(job_id=self._embed.job_id, done=done, total=len(self._embed.texts)))

    async def _finish(self, failure: Failure | None, state: JobState) -> None:
        embed = self._embed
        await self._context.sum_up()
        kind = CostKind.BILLED if self._all_billed else CostKind.ESTIMATED
        self._context.publish(
            EmbedEnded(
                job_id=embed.job_id,
                model=embed.model,
                vectors=tuple(self._vectors.get(text) for text in embed.texts),
                dimensions=self._dimensions,
                from_store=self._from_store,
                receipt=Receipt(
                    cost=Cost(self._spent, kind),
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
        self._context.job(embed.job_id, "embed", state)
