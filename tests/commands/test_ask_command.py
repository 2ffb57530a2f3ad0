"""`ortui ask`: what it prints, how it ends, what it keeps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from cli_runner import Ortui

PLAIN = "This is a short plain reply."
FIELDS = {
    "text",
    "reasoning",
    "model",
    "provider",
    "generation_id",
    "finish_reason",
    "prompt_tokens",
    "completion_tokens",
    "cost",
    "cost_kind",
    "ttft_ms",
    "tokens_per_second",
    "error",
}


def test_the_reply_and_one_newline_are_printed(ortui: Ortui) -> None:
    done = ortui("ask", "-m", "demo/plain", "Hello?")
    assert (done.status, done.out, done.err) == (0, f"{PLAIN}\n", "")


def test_the_object_has_the_fields_of_the_contract(ortui: Ortui) -> None:
    done = ortui("ask", "-m", "demo/plain", "--json", "Hello?")
    reply = done.json
    assert done.status == 0
    assert set(reply) == FIELDS
    assert (reply["text"], reply["model"], reply["finish_reason"], reply["error"]) == (
        PLAIN,
        "demo/plain",
        "stop",
        None,
    )
    assert reply["cost_kind"] == "billed"
    assert Decimal(reply["cost"]) > 0
    assert isinstance(reply["cost"], str)
    assert reply["prompt_tokens"] > 0
    assert reply["completion_tokens"] > 0
    assert reply["generation_id"].startswith("gen-")


def test_a_whole_reply_is_the_same_as_a_streamed_one(ortui: Ortui) -> None:
    assert ortui("ask", "-m", "demo/plain", "--no-stream", "Hello?").out == f"{PLAIN}\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "question"),
    [
        (["from the argument"], "", "from the argument"),
        ([], "from the pipe\n", "from the pipe"),
        (["-"], "from the pipe\n", "from the pipe"),
        (["first this"], "then that\r\nand that\n", "first this\n\nthen that\nand that"),
        (["--", "--json"], "", "--json"),
    ],
)
def test_the_question_is_the_argument_then_stdin(ortui: Ortui, arguments: list[str], stdin: str, question: str) -> None:
    done = ortui("ask", "-m", "demo/echo", *arguments, stdin=stdin)
    assert done.status == 0
    assert question in done.out


def test_parameters_are_sent(ortui: Ortui) -> None:
    done = ortui("ask", "-m", "demo/plain", "--max-tokens", "3", "--temperature", "0.1", "--json", "Hello?")
    cut = done.json
    assert cut["finish_reason"] == "length"
    assert cut["text"] != PLAIN
    assert PLAIN.startswith(cut["text"])
    assert done.err == ""


@pytest.mark.parametrize(
    ("model", "effort", "said"),
    [("demo/plain", "high", "high"), ("demo/plain:nitro", "x" * 99, "x" * 39 + "…")],
    ids=["listed", "variant, long value"],
)
def test_what_the_model_does_not_take_is_said_beside_the_reply(
    ortui: Ortui, model: str, effort: str, said: str
) -> None:
    done = ortui("ask", "-m", model, "--effort", effort, "--seed", "7", "Hello?")
    assert (done.status, done.out) == (0, f"{PLAIN}\n")
    assert done.err == f"ortui: What {model} does not take is not sent: reasoning_effort={said}.\n"


@pytest.mark.parametrize(
    ("model", "status", "code"),
    [
        ("400", 6, 400),
        ("401", 3, 401),
        ("402", 4, 402),
        ("403", 3, 403),
        ("403-key-limit", 4, 403),
        ("403-moderation", 3, 403),
        ("404", 6, 404),
        ("408", 6, 408),
        ("413", 6, 413),
        ("422", 6, 422),
        ("429", 5, 429),
        ("429-retry-after", 5, 429),
        ("500", 6, 500),
        ("502", 6, 502),
        ("503", 6, 503),
        ("504", 6, 504),
        ("524", 6, 524),
        ("529", 6, 529),
        ("hang-up", 6, None),
        ("error-in-200", 6, 502),
        ("first-event-error", 6, 502),
        ("mid-stream-error", 7, 502),
        ("cut-off", 7, None),
        ("connection-lost", 7, None),
    ],
)
def test_each_failure_has_its_status_and_still_an_object(
    ortui: Ortui, model: str, status: int, code: int | None
) -> None:
    # Short waits: what is tested here is the end, not the patience.
    done = ortui("ask", "-m", f"demo/{model}", "--wait", "2.5", "--json", "Hello?")
    reply = done.json
    assert done.status == status
    assert set(reply) == FIELDS
    assert reply["error"]["code"] == code
    assert reply["error"]["kind"]
    assert bool(reply["text"]) == (status == 7)
    assert done.err.startswith("ortui: ")
    assert done.err.count("\n") == 1
    assert reply["error"]["message"] in done.err


def test_how_long_to_wait_is_told(ortui: Ortui) -> None:
    done = ortui("ask", "-m", "demo/429-retry-after", "--wait", "1", "--json", "Hello?")
    assert done.json["error"]["retry_after"] == 7


def test_the_length_limit_and_a_refusal_in_words_are_no_failures(ortui: Ortui) -> None:
    assert ortui("ask", "-m", "demo/length", "Hello?").status == 0
    refused = ortui("ask", "-m", "demo/refusal", "Hello?")
    assert refused.status == 0
    assert refused.out.strip()


def test_a_request_that_failed_twice_is_tried_a_third_time(ortui: Ortui) -> None:
    # Another model for each test: the server counts its failures for all.
    assert ortui("ask", "-m", "demo/flaky-first-event", "Hello?").status == 0


def test_hostile_text_is_printed_clean(ortui: Ortui) -> None:
    done = ortui("ask", "-m", "demo/hostile", "Hello?")
    assert done.status == 0
    assert "[@click=app.quit]x[/]" in done.out
    allowed = {"\n", "\t"}
    assert not [mark for mark in done.out if not mark.isprintable() and mark not in allowed and ord(mark) < 0xA0]
    assert not set("\u202e\u2066\u2028\u200f") & set(done.out)


# What is refused before anything is sent


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask", "-m", "demo/plain"], "The question is empty."),
        (["ask", "-m", "demo/plain", "--temperature", "9", "x"], "expected a number from 0 to 2"),
        (["ask", "-m", "demo/plain", "--colour", "x"], "--colour"),
        (["ask", "-m", "demo/plain", "x", "--base-url", "ftp://x"], "--base-url"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(ortui: Ortui, arguments: list[str], words: str) -> None:
    done = ortui(*arguments)
    assert (done.status, done.out) == (2, "")
    assert words in done.err
    assert done.err.startswith("ortui: ")
    assert done.err.count("\n") == 1


def test_without_a_key_it_says_how_to_give_one(ortui: Ortui) -> None:
    del ortui.environment["OPENROUTER_API_KEY"]
    done = ortui("ask", "-m", "demo/plain", "--json", "Hello?")
    assert done.status == 2
    assert done.json["error"]["kind"] == "no_key"
    assert "OPENROUTER_API_KEY" in done.err


def test_without_a_terminal_a_budget_that_asks_blocks(ortui: Ortui) -> None:
    ortui.configure("budget: {request: 0.0000001}\n")
    done = ortui("ask", "-m", "demo/plain", "--json", "Hello?")
    assert done.status == 4
    assert done.json["error"]["kind"] == "own_budget"
    assert done.json["cost"] is None
    assert done.err.endswith("`--yes` allows it all the same.\n")
    assert ortui("ask", "-m", "demo/plain", "--yes", "Hello?").status == 0
    ortui.configure("budget: {request: 0.0000001, action: block}\n")
    done = ortui("ask", "-m", "demo/plain", "--yes", "Hello?")
    assert done.status == 4
    assert "--yes" not in done.err


def test_after_a_damaged_database_what_costs_money_is_asked_about(ortui: Ortui) -> None:
    ortui.data.mkdir()
    (ortui.data / "ortui.db").write_bytes(b"this is no database at all" * 400)
    done = ortui("ask", "-m", "demo/plain", "Hello?")
    assert done.status == 4
    assert "is now kept as" in done.err
    assert done.err.endswith("`--yes` allows it.\n")
    # A later run knows nothing of what was spent this month either, where a budget reaches back so far.
    ortui.configure("budget: {month: 50}\n")
    assert ortui("ask", "-m", "demo/plain", "Hello?").status == 4
    ortui.configure("budget: {session: 1, request: 1}\n")
    assert ortui("ask", "-m", "demo/plain", "Hello?").status == 0
    ortui.configure("budget: {day: 5}\n")
    assert ortui("ask", "-m", "demo/plain", "Hello?").status == 4
    assert ortui("ask", "-m", "demo/plain", "--yes", "Hello?").status == 0


def test_a_budget_with_room_is_kept_by_a_shorter_reply(ortui: Ortui) -> None:
    # 0.000002 a token: what is left pays for some tokens, and no more are asked for.
    ortui.configure("budget: {request: 0.0003}\n")
    done = ortui("ask", "-m", "demo/flood", "--json", "Hello?", timeout=60)
    assert done.status == 0
    assert done.json["finish_reason"] == "length"
    assert Decimal(done.json["cost"]) <= Decimal("0.0003")


def test_an_own_limit_is_waited_for_or_said(ortui: Ortui, demo_server: str) -> None:
    ortui.configure(
        f"llm_providers:\n  - {{id: here, type: openrouter, base_url: '{demo_server}', "
        "api_keys: ['${OPENROUTER_API_KEY}'], model: demo/plain, limits: {req_per_min: 1, max_tokens: 50}}\n"
    )
    assert ortui("ask", "Hello?").out == f"{PLAIN}\n"
    second = ortui("ask", "--wait", "0", "--json", "Hello?")
    assert second.status == 5
    assert second.json["error"]["kind"] == "own_limit"
    assert 0 < second.json["error"]["retry_after"] <= 62


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "status"), [(b"y\n", 0), (b"n\n", 4)])
def test_on_a_terminal_a_budget_is_asked_about(ortui: Ortui, answer: bytes, status: int) -> None:
    ortui.configure("budget: {request: 0.0000001}\n")
    ours, theirs = os.openpty()
    process = ortui.start("ask", "-m", "demo/plain", "Hello?", stdin=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 4096)
    os.write(ours, answer)
    assert process.stdout is not None
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait(20) == status
    os.close(ours)
    assert out.decode() == (f"{PLAIN}\n" if status == 0 else "")


# Stopping


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_reply_and_keeps_what_came(ortui: Ortui, number: int, status: int) -> None:
    process = ortui.start("ask", "-m", "demo/slow", "Hello?")
    assert process.stdout is not None
    assert process.stderr is not None
    out = os.read(process.stdout.fileno(), 4096)
    assert out
    process.send_signal(number)
    rest, _ = process.communicate(timeout=10)
    text = (out + rest).decode()
    assert process.returncode == status
    assert text.endswith("\n")
    listed = ortui("chats", "list", "--json").json
    question, reply = ortui("chats", "show", listed[0]["id"][:10], "--json").json["messages"]
    assert (question["role"], question["text"], question["state"]) == ("user", "Hello?", "done")
    assert (reply["role"], reply["text"], reply["state"]) == ("assistant", text[:-1], "stopped")


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_a_stopped_command_still_prints_its_object(ortui: Ortui) -> None:
    process = ortui.start("ask", "-m", "demo/pause", "--json", "Hello?")
    try:
        begun = (any(row["messages"] == 2 for row in ortui("chats", "list", "--json").json) for _ in range(60))
        assert any(begun), "the turn was never written down"
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=10)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert b'"cost_kind"' in out


@pytest.mark.skipif(os.name == "nt", reason="pipes as on POSIX")
def test_nobody_reading_is_no_traceback(ortui: Ortui) -> None:
    process = ortui.start("ask", "-m", "demo/slow", "Hello?")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(20) == 141
    assert err == b""


# What is kept


def test_a_conversation_is_kept_unless_told_otherwise(ortui: Ortui) -> None:
    assert ortui("ask", "-m", "demo/plain", "--no-save", "A secret").status == 0
    assert ortui("chats", "list", "--json").json == []
    ortui("ask", "-m", "demo/plain", "--system", "Be short.", "Hello there")
    (kept,) = ortui("chats", "list", "--json").json
    assert (kept["title"], kept["model"], kept["messages"]) == ("Hello there", "demo/plain", 2)
    shown = ortui("chats", "show", kept["id"], "--json").json
    assert shown["system"] == "Be short."
    assert [message["text"] for message in shown["messages"]] == ["Hello there", PLAIN]
    assert b"A secret" not in b"".join(file.read_bytes() for file in ortui.data.rglob("*") if file.is_file())


def test_the_model_of_the_entry_then_the_last_used_is_the_default(ortui: Ortui, demo_server: str) -> None:
    ortui("ask", "-m", "demo/echo", "Hello?")
    assert ortui("ask", "--json", "Hello?").json["model"] == "demo/echo"
    entry = f"{{id: here, type: openrouter, base_url: '{demo_server}', model: demo/plain}}"
    ortui.configure(f"llm_providers: [{entry}]\n")
    assert ortui("ask", "--json", "Hello?").json["model"] == "demo/plain"


def test_the_key_is_written_nowhere(ortui: Ortui, fresh_key: Callable[..., str]) -> None:
    key = ortui.environment["OPENROUTER_API_KEY"]
    said = [ortui("ask", "-m", model, "Hello?") for model in ("demo/plain", "demo/401", "demo/mid-stream-error")]
    assert not any(key in done.out + done.err for done in said)
    written = [file for file in ortui.home.rglob("*") if file.is_file()]
    assert written
    assert not [file for file in written if key.encode() in file.read_bytes()]


def test_no_screen_is_imported(ortui: Ortui) -> None:
    program = (
        "import sys; from tui.cli import main; status = main(sys.argv[1:]); "
        "assert status == 0, status; print(sorted(name for name in sys.modules if name.split('.')[0] == 'textual'))"
    )
    for arguments in (["ask", "-m", "demo/plain", "x"], ["models", "claude"], ["spend"], ["quota"], ["chats", "list"]):
        line = [sys.executable, "-c", program, *arguments]
        done: Any = subprocess.run(
            line, env=ortui.environment, input=b"", capture_output=True, timeout=40, check=True, cwd=ortui.home
        )
        assert done.stdout.decode().splitlines()[-1] == "[]", arguments


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_what_a_killed_command_left_is_shown_as_cut_off_and_in_the_sums(ortui: Ortui) -> None:
    def reply() -> Any:
        rows = ortui("chats", "list", "--json").json
        return ortui("chats", "show", rows[0]["id"], "--json").json["messages"][1] if rows else {"text": ""}

    process = ortui.start("ask", "-m", "demo/pause", "Hello?")
    try:
        assert any(reply()["text"] for _ in range(60)), "no text was kept"
        assert reply()["state"] in ("waiting", "streaming"), "it lives, so it is left alone"
    finally:
        process.kill()
        process.communicate()
    assert ortui("spend", "--json").json["total"]["requests"] == 1
    assert reply()["state"] == "cut_off"
