"""Replies from the question to the receipt, over real HTTP."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from worker_host import Books, ScriptedServer, chunk, http, stream

from tui.core.chat_turns import carry_on, delete_from, fork, send_again
from tui.core.commands import ShowBranch
from tui.core.conversation import CostKind, MessageState
from tui.core.events import ReplyGrew, TurnQueued
from tui.core.receipt_line import receipt_line as line
from tui.database import chats
from tui.openrouter.chat import ChatParameters
from tui.openrouter.text import Opaque

OK = stream(chunk("Fine."), chunk(finish="stop", usage={"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.001}))


async def test_a_reply_is_shown_stored_and_billed(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    ask = host.ask("anthropic/claude-3-haiku")
    ended = await host.reply(ask)
    message = host.message(ask)
    assert (message.state, message.receipt.cost.kind) == (MessageState.DONE, CostKind.BILLED)
    assert message.receipt.cost.usd == await Books(demo_server, host.key()).cost() > 0
    assert ended.receipt == message.receipt
    stored = await host.rows("SELECT state, text FROM message WHERE id = ?", ask.reply_id)
    assert stored == [{"state": "done", "text": message.text}]
    assert await host.rows("SELECT * FROM reply_part") == []
    assert await host.reserved() == 0
    assert [row.title for row in host.state.conversations] == ["Tell me about trees"]
    assert host.state.recents == ("anthropic/claude-3-haiku",)


async def test_what_was_billed_is_in_the_ledger_before_the_reply_ends(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/plain")
    await host.reply(ask)
    order = [type(event).__name__ for event in host.events]
    assert host.state.spend.today.billed_usd == host.message(ask).receipt.cost.usd
    summed = len(order) - 1 - order[::-1].index("SpendSummed")
    assert summed < order.index("TurnEnded")


async def test_the_permanent_name_of_a_model_is_that_model(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("anthropic/claude-haiku-4.5")
    await host.reply(ask)
    canonical = host.state.model_by_slug["anthropic/claude-haiku-4.5"].canonical_slug
    assert canonical is not None
    assert canonical.raw != "anthropic/claude-haiku-4.5"
    assert host.message(ask).receipt.model_answered == "anthropic/claude-haiku-4.5"
    words = await host.rows("SELECT word.text FROM request JOIN word ON word.id = model_answered")
    assert words == [{"text": canonical.raw}]


async def test_twenty_thousand_tokens_are_few_events(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/flood")
    ended = await host.reply(ask)
    grown = host.saw(ReplyGrew)
    seconds = ended.receipt.duration_ms / 1000
    assert ended.receipt.completion_tokens == 20_000
    assert len(grown) <= seconds * 30 + 3
    assert "".join(event.text for event in grown) == host.message(ask).text


async def test_events_of_a_slow_reply_are_thirty_a_second_and_carry_running_figures(
    start_demo_server: Any, start_host: Any
) -> None:
    host = await start_host(start_demo_server("--slow-rate", "400"))
    ask = host.ask("demo/slow")
    await host.until(lambda: len(host.saw(ReplyGrew)) > 12)
    host.worker.cancel(ask.reply_id)
    await host.reply(ask)
    running = [event.receipt for event in host.saw(ReplyGrew) if event.receipt is not None]
    assert all(receipt.cost.kind is CostKind.ESTIMATED for receipt in running)
    costs = [receipt.cost.usd for receipt in running]
    assert costs == sorted(costs)
    assert running[-1].completion_tokens > running[0].completion_tokens
    seconds = (running[-1].duration_ms - running[0].duration_ms) / 1000
    assert len(running) <= seconds * 30 + 3


async def test_tool_calls_reasoning_citations_and_pictures_reach_the_message(start_host: Any) -> None:
    cited = {"url_citation": {"url": "https://example.test/a", "title": "A"}}
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":1}'}}
    details = [{"type": "reasoning.text", "text": "Hm.", "signature": "x", "index": 0}]
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    def delta(**parts: Any) -> dict[str, Any]:
        return {"id": "gen-1", "model": "m", "choices": [{"index": 0, "delta": parts, "finish_reason": None}]}

    usage = {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.001}
    last = {"id": "gen-1", "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]}
    server = ScriptedServer(
        stream(
            delta(reasoning="Hm.", reasoning_details=details),
            delta(content="See."),
            delta(images=[picture]),
            delta(annotations=[cited]),
            last | {"usage": usage},
        )
    )
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        await host.reply(ask)
        message = host.message(ask)
        assert [one.name for one in message.tool_calls] == ["look"]
        assert [one.title for one in message.citations] == ["A"]
        assert message.reasoning == "Hm."
        assert '"signature":"x"' in message.reasoning_details.raw.replace(" ", "")
        file = host.settings.folders.exports / f"image-{ask.reply_id[:8]}-1.png"
        assert message.text == f"See.\n\n[image: image/png, 3 B, saved as {file}]\n"
        assert file.read_bytes() == bytes(3)
        assert file.stat().st_mode & 0o777 == 0o600
        [stored] = await host.rows("SELECT text, more FROM message WHERE id = ?", ask.reply_id)
        assert stored["text"] == message.text
        assert "look" in stored["more"]


async def test_a_call_that_nobody_answered_is_not_sent_back(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    ask = host.ask("demo/tools")
    await host.reply(ask)
    assert host.message(ask).tool_calls
    again = host.ask("demo/plain", "And now?", conversation_id=ask.conversation_id)
    await host.reply(again)
    assert host.message(again).state is MessageState.DONE
    body = (await Books(demo_server, host.key()).log())[-1]["body"]
    assert not any("tool_calls" in message for message in body["messages"])


async def test_two_conversations_stream_at_once_but_one_conversation_only_one_reply(
    start_demo_server: Any, start_host: Any
) -> None:
    base_url = start_demo_server("--slow-rate", "100")
    host = await start_host(base_url)
    first = host.ask("demo/slow")
    await host.until(lambda: host.state.streaming and host.message(first).text)
    second = host.ask("demo/plain")
    await host.reply(second)
    assert host.message(second).state is MessageState.DONE
    refused = host.ask("demo/plain", "And?", conversation_id=first.conversation_id)
    ended = await host.reply(refused)
    assert ended.state is MessageState.FAILED
    assert "still running" in ended.failure.message
    assert len(await Books(base_url, host.key()).log()) == 2
    assert host.ended(first) is None
    host.worker.cancel(first.reply_id)
    await host.reply(first)
    third = host.ask("demo/plain", "And?", conversation_id=first.conversation_id)
    assert (await host.reply(third)).state is MessageState.DONE


async def test_the_next_question_may_come_the_moment_the_reply_has_ended(start_host: Any) -> None:
    host = await start_host()
    asks: list[Any] = []

    def ask_on(event: Any) -> None:
        if type(event).__name__ == "TurnEnded" and len(asks) < 4:
            asks.append(host.ask("demo/plain", "More", conversation_id=asks[0].conversation_id))

    host.on_event = ask_on
    asks.append(host.ask("demo/plain"))
    await host.until(lambda: len(asks) == 4 and host.ended(asks[3]))
    assert [host.ended(ask).state for ask in asks] == [MessageState.DONE] * 4


async def test_private_asks_leave_no_text_in_the_database(start_demo_server: Any, start_host: Any) -> None:
    host = await start_host(start_demo_server("--slow-rate", "200", "--generation-delay", "0.1"))
    ask = host.ask("demo/slow", "xyzzy my secret plan", private=True)
    await host.until(lambda: len(host.saw(ReplyGrew)) > 8)
    host.worker.cancel(ask.reply_id)
    await host.reply(ask)
    said = host.message(ask).text
    assert len(said) > 20
    await host.until(lambda: host.message(ask).receipt.cost.kind is CostKind.BILLED)
    dump = "\n".join(await host.database.run(lambda connection: list(connection.iterdump())))
    assert "xyzzy" not in dump
    assert said[:20] not in dump
    assert [row.private for row in host.state.conversations] == [True]
    assert [row["message_id"] for row in await host.requests()] == [None]


async def test_a_reply_without_a_catalogue_has_an_unknown_price_until_the_bill(start_host: Any) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.0025}
    async with ScriptedServer(stream(chunk("Hi"), chunk(finish="stop", usage=usage))) as url:
        host = await start_host(url, catalogue=False)
        ended = await host.reply(host.ask("some/model"))
        assert ended.receipt.cost.usd == Decimal("0.0025")


async def test_a_part_that_cannot_be_read_is_said_and_marks_the_reply(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/broken-json")
    ended = await host.reply(ask)
    assert ended.state is MessageState.DONE
    assert any("could not be read" in notice for notice in host.notices())
    assert "could not be read" in line(host.message(ask))
    stored = await host.database.run(chats.message_of, ask.reply_id)
    assert stored is not None
    assert "could not be read" in line(stored), "it is still marked when the conversation is opened again"


async def test_what_is_asked_is_sent(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    parameters = ChatParameters(max_tokens=20, temperature=Decimal("0.5"), stop=("END",), seed=3)
    await host.reply(host.ask("demo/plain", "Hello", parameters=parameters))
    [row] = await Books(demo_server, host.key()).log()
    sent = row["body"]
    assert (sent["max_tokens"], sent["temperature"], sent["stop"], sent["seed"]) == (20, Decimal("0.5"), ["END"], 3)
    assert sent["messages"] == [{"role": "user", "content": "Hello"}]
    assert "http-referer" in row["headers"]


async def test_the_question_is_in_the_database_before_it_is_sent(start_host: Any) -> None:
    found: list[Any] = []

    async def look(writer: asyncio.StreamWriter) -> None:
        found.append(await host.rows("SELECT role, text FROM message ORDER BY number"))
        writer.write(http(400, {"error": {"code": 400, "message": "no"}}))
        await writer.drain()

    async with ScriptedServer(look) as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model", "Before")
        await host.reply(ask)
    assert found == [[{"role": "user", "text": "Before"}, {"role": "assistant", "text": ""}]]
    assert host.saw(TurnQueued)


async def test_without_a_model_nothing_is_sent(start_host: Any) -> None:
    server = ScriptedServer(OK)
    async with server as url:
        host = await start_host(url, catalogue=False)
        ask = host.ask("some/model")
        host.worker.cancel(ask.reply_id)
        bare = replace(ask, reply_id="other", conversation_id="c2", settings=replace(ask.settings, model=None))
        host.worker.submit(bare)
        assert "No model" in (await host.reply(bare)).failure.message
    assert not server.posts


async def test_a_reply_that_was_cut_off_can_be_carried_on(start_host: Any, demo_server: str) -> None:
    host = await start_host()
    ask = host.ask("demo/cut-off")
    assert (await host.reply(ask)).state is MessageState.CUT_OFF
    conversation = host.state.open[ask.conversation_id]
    settings = replace(conversation.settings, model=Opaque("demo/plain"))
    more = carry_on(conversation, settings, now=time.time())
    host.worker.submit(more)
    assert (await host.reply(more)).state is MessageState.DONE
    sent = (await Books(demo_server, host.key()).log())[-1]["body"]["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "user"]
    assert sent[1]["content"] == host.message(ask).text


async def test_messages_are_deleted_brought_back_and_forked(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/plain")
    await host.reply(ask)
    conversation = host.state.open[ask.conversation_id]
    whole = [one.text for one in conversation.messages]
    gone = delete_from(conversation, conversation.messages[1])
    host.worker.submit(gone)
    await host.until(lambda: [one.text for one in host.state.open[ask.conversation_id].messages] == whole[:1])
    host.worker.submit(replace(gone, undo=True))
    await host.until(lambda: [one.text for one in host.state.open[ask.conversation_id].messages] == whole)
    command = fork(host.state.open[ask.conversation_id], host.state.open[ask.conversation_id].messages[-1])
    host.worker.submit(command)
    await host.until(lambda: command.new_id in host.state.open)
    assert [one.text for one in host.state.open[command.new_id].messages] == whole
    await host.until(lambda: command.new_id in {row.id for row in host.state.conversations})


async def test_a_reply_made_again_is_a_branch_that_can_be_walked(start_host: Any) -> None:
    host = await start_host()
    ask = host.ask("demo/plain")
    await host.reply(ask)
    conversation = host.state.open[ask.conversation_id]
    again = send_again(conversation, conversation.messages[1], conversation.settings)
    host.worker.submit(again)
    await host.reply(again)
    host.worker.submit(ShowBranch(conversation_id=ask.conversation_id, message_id=again.reply_id, step=-1))
    await host.until(lambda: host.state.open[ask.conversation_id].messages[-1].id == ask.reply_id)
    host.worker.submit(ShowBranch(conversation_id=ask.conversation_id, message_id=ask.reply_id, step=-1))
    await host.until(lambda: any("no branch" in notice.text for _, notice in host.state.notices))
