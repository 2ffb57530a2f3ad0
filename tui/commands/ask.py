"""`ortui ask`: one question, one reply."""

from __future__ import annotations

import asyncio
import sys
import time
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import replace

from tui.commands import clicking
from tui.commands.asking import budgeted, chat_model, know_prices, yes_helps
from tui.commands.common_options import CommandError, CommonOptions
from tui.commands.output import amount, complain, complain_of, cut, is_interactive, write_json
from tui.commands.running import Stopped, WorkerRun, run, tell_waiting
from tui.core import chat_turns
from tui.core.conversation import Failure, MessageState, Receipt
from tui.core.events import Event, JobChanged, ReplyGrew, TurnEnded, TurnQueued
from tui.core.exit_status import FAILED, of_reply
from tui.core.parameter_fields import not_taken
from tui.core.prices import listed
from tui.openrouter.errors import ErrorKind
from tui.openrouter.text import Clean, clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.config import Settings
    from tui.core.commands import Ask
    from tui.openrouter.text import Opaque

_STOP_LIMIT_S: Final = 0.9
_LONGEST_VALUE: Final = 40
"""Of a parameter, in columns, where it is named on stderr."""
_INCOMPLETE: Final = Failure(
    kind=ErrorKind.CUT_OFF.value,
    message=Clean("The reply ended before it was complete."),
    advice=Clean("Ask again; this one may have been billed."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskOptions:
    """What the command line sets of a request; None = as the configuration says."""

    model: str | None
    as_json: bool
    system: str | None
    max_tokens: int | None
    temperature: Decimal | None
    top_p: Decimal | None
    stop: tuple[str, ...]
    seed: int | None
    effort: str | None
    wait_s: float
    yes: bool
    save: bool
    stream: bool


def _number(most: int) -> Callable[[click.Context, click.Parameter, str | None], Decimal | None]:
    """A number from 0 to `most` that is sent as it was written."""

    def read(_: click.Context, __: click.Parameter, value: str | None) -> Decimal | None:
        if value is None:
            return None
        try:
            number = Decimal(value) if len(value) <= 20 else Decimal(-1)
        except ArithmeticError:
            number = Decimal(-1)
        if not (number.is_finite() and 0 <= number <= most):
            raise click.BadParameter(f"expected a number from 0 to {most}.")
        return number

    return read


@clicking.command(name="ask")
@click.option("-m", "--model", metavar="MODEL", help="Which model; default: the configuration's, else the last used.")
@clicking.as_json
@click.option("--system", metavar="TEXT", help="The system prompt.")
@click.option("--max-tokens", type=click.IntRange(min=1), metavar="N", help="The longest reply, in tokens.")
@click.option("--temperature", callback=_number(2), metavar="T", help="From 0 to 2.")
@click.option("--top-p", callback=_number(1), metavar="P", help="From 0 to 1.")
@click.option("--stop", multiple=True, metavar="TEXT", help="End the reply before this text; may be repeated.")
@click.option("--seed", type=int, metavar="N", help="The same seed tends to the same reply.")
@click.option("--effort", metavar="LEVEL", help="How much to think: none, minimal, low, medium, high, xhigh …")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    metavar="S",
    help="Seconds to wait for a limit or a resting key.",
)
@click.option("--yes", is_flag=True, help="Go over a budget whose action is `ask`.")
@click.option("--no-save", "save", is_flag=True, flag_value=False, default=True, help="Keep no conversation.")
@click.option("--no-stream", "stream", is_flag=True, flag_value=False, default=True, help="Ask for a whole reply.")
@click.argument("prompt", required=False)
@clicking.given
def command(common: CommonOptions, /, prompt: str | None, **given: Any) -> int:
    """Ask MODEL one question and print the reply as it arrives.

    The question is PROMPT, or stdin, or PROMPT and then what stdin holds. --json prints one object at the end
    instead, also after an error. Exit status: 0 good, 2 refused before sending, 3 key refused, 4 no money, 5 rate
    limited, 6 failed, 7 failed after text had begun, 130 interrupted.
    """
    options = AskOptions(**given)
    settings = common.settings()
    return run(_ask(settings, _question(prompt), options))


def _question(prompt: str | None) -> Clean:
    parts = [] if prompt in (None, "-") else [prompt]
    if sys.stdin is not None and not sys.stdin.isatty():
        piped = sys.stdin.buffer.read().decode("utf-8-sig", "replace")
        if piped.strip():
            parts.append(piped)
    elif prompt in (None, "-"):
        raise CommandError("There is no question: `ortui ask -m MODEL 'PROMPT'`, or pipe one in.")
    question = clean("\n\n".join(part.strip("\r\n") for part in parts if part))
    if not question.strip():
        raise CommandError("The question is empty.")
    return question


@dataclass(slots=True)
class _Reply:
    """One reply while it arrives."""

    ask: Ask
    as_json: bool
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    queued: bool = False
    ended: TurnEnded | None = None

    def take(self, event: Event) -> None:
        """Fold in what concerns this reply, and print its text."""
        match event:
            case TurnQueued(reply=reply) if reply.id == self.ask.reply_id:
                self.queued = True
            case ReplyGrew() if event.message_id == self.ask.reply_id:
                self.reasoning.append(event.reasoning)
                if fresh := event.text + event.refusal:
                    self.text.append(fresh)
                    if not self.as_json:
                        sys.stdout.write(fresh)
                        sys.stdout.flush()
            case JobChanged(job) if job.id == self.ask.reply_id:
                tell_waiting(job)
            case TurnEnded() if event.message_id == self.ask.reply_id:
                self.ended = event
            case _:
                pass

    @property
    def failure(self) -> Failure | None:
        """What went wrong; an end without a reason is one too."""
        if self.ended is None or self.ended.state in (MessageState.DONE, MessageState.STOPPED):
            return None
        return self.ended.failure or _INCOMPLETE


async def _ask(wanted: Settings, question: Clean, options: AskOptions) -> int:
    settings = budgeted(wanted, yes=options.yes)
    async with WorkerRun(settings) as worker:
        await know_prices(worker)
        model = chat_model(worker, options.model)
        ask = _command(settings, model, question, options)
        _tell_left_out(worker, ask)
        reply = _Reply(ask, options.as_json)
        stopped: Stopped | None = None
        try:
            await _run(worker, reply)
            if _may_ask_again(settings, reply) and worker.confirm(f"{_words(reply)} Send it all the same?"):
                reply = _Reply(
                    replace(ask, question=None, replaces=ask.reply_id, reply_id=uuid.uuid4().hex, over_budget=True),
                    options.as_json,
                )
                await _run(worker, reply)
        except Stopped as signal:
            stopped = signal
            await _stop(worker, reply)
        failure = None if reply.failure is None else yes_helps(wanted, reply.failure, yes=options.yes)
        return _finish(reply, failure, stopped)


def _command(settings: Settings, model: Opaque, question: Clean, options: AskOptions) -> Ask:
    first = chat_turns.first_settings(settings.chat)
    asked = {
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "stop": options.stop or None,
        "seed": options.seed,
        "reasoning_effort": options.effort,
    }
    parameters = replace(first.parameters, **{name: value for name, value in asked.items() if value is not None})
    system = first.system if options.system is None else clean(options.system)
    chosen = replace(first, model=model, system=system, parameters=parameters)
    ask = chat_turns.send(None, uuid.uuid4().hex, chosen, question, now=time.time(), private=not options.save)
    return replace(ask, over_budget=options.yes, wait_s=options.wait_s, stream=options.stream)


def _tell_left_out(worker: WorkerRun, ask: Ask) -> None:
    """Say which parameters the model does not take, with their values: it may take others of them."""
    model = ask.settings.model
    assert model is not None
    row = listed(worker.state.model_by_slug, model)
    routed = worker.settings.provider.type == "openrouter"
    if left_out := not_taken(ask.settings.parameters, row, routed=routed):
        said = ", ".join(f"{name}={cut(value, _LONGEST_VALUE)}" for name, value in left_out.items())
        complain(f"What {model.shown()} does not take is not sent: {said}.")


async def _run(worker: WorkerRun, reply: _Reply) -> None:
    worker.submit(reply.ask)
    while reply.ended is None:
        reply.take(await worker.next())


async def _stop(worker: WorkerRun, reply: _Reply) -> None:
    """Stop the reply and take what it still brings; what was not begun is left."""
    worker.cancel(reply.ask.reply_id)
    if not reply.queued:
        return
    try:
        async with asyncio.timeout(_STOP_LIMIT_S):
            while reply.ended is None:
                reply.take(await worker.next())
    except (TimeoutError, Stopped):
        return


def _may_ask_again(settings: Settings, reply: _Reply) -> bool:
    over_budget = reply.failure is not None and reply.failure.kind == ErrorKind.OWN_BUDGET.value
    return over_budget and settings.budget.action == "ask" and is_interactive() and not reply.ask.over_budget


def _words(reply: _Reply) -> Clean:
    assert reply.failure is not None
    return reply.failure.message


def _finish(reply: _Reply, failure: Failure | None, stopped: Stopped | None) -> int:
    text_began = any(reply.text)
    if reply.as_json:
        write_json(_object(reply))
    elif text_began:
        sys.stdout.write("\n")
        sys.stdout.flush()
    if failure is not None:
        complain_of(failure)
    if reply.ended is not None and reply.ended.receipt.billing_note and sys.stderr.isatty():
        complain(reply.ended.receipt.billing_note)
    if stopped is not None:
        return stopped.status
    if reply.ended is None:
        return FAILED
    return of_reply(reply.ended.state, failure, text_began=text_began)


def _object(reply: _Reply) -> dict[str, Any]:
    receipt = reply.ended.receipt if reply.ended else Receipt(tries=0)
    failure = reply.failure
    model = reply.ask.settings.model
    return {
        "text": "".join(reply.text),
        "reasoning": "".join(reply.reasoning),
        "model": receipt.model_answered or (model.shown() if model else None),
        "provider": receipt.provider,
        "generation_id": receipt.generation_id.shown() if receipt.generation_id else None,
        "finish_reason": reply.ended.finish_reason if reply.ended else None,
        "prompt_tokens": receipt.prompt_tokens,
        "completion_tokens": receipt.completion_tokens,
        "cost": amount(receipt.cost.usd),
        "cost_kind": receipt.cost.kind.value,
        "ttft_ms": receipt.ttft_ms,
        "tokens_per_second": None if receipt.tokens_per_second is None else round(receipt.tokens_per_second, 2),
        "error": None
        if failure is None
        else {
            "code": failure.status,
            "kind": failure.kind,
            "message": failure.message,
            "retry_after": failure.retry_after_s,
        },
    }
