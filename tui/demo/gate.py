"""Who may come in, and what every inference request goes through before it is answered."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tui.demo.catalogue import Catalogue
from tui.demo.errors import Refusal, refusal
from tui.demo.faults import BY_ID
from tui.demo.ledger import MANAGEMENT, PREFIX, Account, Books, Entry
from tui.demo.settings import Row, Settings

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY: Final = 64_000_000
"""Bytes."""
LOGGED_HEADERS: Final = (
    "http-referer",
    "x-openrouter-title",
    "x-title",
    "x-openrouter-categories",
    "user-agent",
    "x-session-id",
)
_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(slots=True)
class Desk:
    """What the handlers share."""

    settings: Settings
    catalogue: Catalogue
    books: Books
    serial: int = 0

    def new_id(self, kind: str = "") -> str:
        """A generation id; the same order of requests gives the same endings."""
        self.serial += 1
        dice = self.settings.dice("id", self.serial)
        return f"gen-{kind}{int(time.time())}-{''.join(dice.choices(_ALPHABET, k=20))}"

    def key_of(self, request: Request) -> str | None:
        """The bearer key, if it is one that this server knows."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        known = scheme.lower() == "bearer" and key.startswith(PREFIX) and len(key) > len(PREFIX)
        return key if known and not key.startswith(f"{PREFIX}invalid") else None

    def account(self, request: Request) -> Account:
        """The account behind the request; 401 without a known key."""
        if not request.headers.get("authorization"):
            raise Refusal(401, "Missing Authentication header")
        key = self.key_of(request)
        if key is None:
            raise Refusal(401, "User not found.")
        return self.books.open(key)

    def spender(self, request: Request) -> Account:
        """The account, for a request that costs; a management key buys nothing."""
        account = self.account(request)
        if (self.key_of(request) or "").startswith(MANAGEMENT):
            raise refusal(403, "Management keys cannot perform this operation")
        return account

    def manager(self, request: Request) -> Account:
        """The account, for what only management keys may do."""
        account = self.account(request)
        if not (self.key_of(request) or "").startswith(MANAGEMENT):
            raise refusal(403, "Only management keys can perform this operation")
        return account

    def enter(self, request: Request, account: Account, api: str, body: Row) -> Entry:
        """Write the request into the books."""
        headers = {name: request.headers[name] for name in LOGGED_HEADERS if name in request.headers}
        entry = Entry(
            id=self.new_id("emb-" if api == "embeddings" else ""),
            api=api,
            asked=str(body.get("model", "")),
            at=time.time(),
            body=body,
            headers=headers,
            streamed=bool(body.get("stream")),
        )
        account.begin(entry)
        return entry


async def read_body(request: Request) -> Row:
    """The JSON object that was sent; 413 and 400 for what is none."""
    raw = await request.body()
    if len(raw) > MAX_BODY:
        raise refusal(413, "Payload too large")
    try:
        body: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise refusal(400, "Invalid JSON in the request body") from error
    if not isinstance(body, dict):
        raise refusal(400, "Expected a JSON object")
    # a lone surrogate can be written in JSON but not in UTF-8
    return mended(body) if b"\\ud" in raw.lower() else body


def mended(value: Any) -> Any:
    """The same value with lone surrogates replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [mended(each) for each in value]
    if isinstance(value, dict):
        return {mended(name): mended(each) for name, each in value.items()}
    return value


def check_fault(account: Account, model_id: str) -> None:
    """Refuse where the `demo/` model does so before its answer."""
    fault = BY_ID.get(model_id)
    if (
        fault
        and fault.refusal
        and fault.name != "flaky-first-event"
        and (fault.times is None or account.next_attempt(model_id, fault.times))
    ):
        raise fault.refusal
