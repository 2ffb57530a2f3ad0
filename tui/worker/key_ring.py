"""The keys of the active provider: which one serves the next try, and which ones rest."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from tui.core.formats import duration
from tui.core.ledger import KeyLimits, KeyState, KeyUse, NeverFits, NoRoom, Take, Taken, TakeOutcome
from tui.database import keys as key_table
from tui.database import limits as limit_table
from tui.database.thread import StorageFailed
from tui.openrouter.errors import ApiError, ErrorKind
from tui.openrouter.text import Clean, clean_line
from tui.secret import Secret
from tui.worker.retry import KEY_RESTS, backoff_s, repeat_get, wanted_wait_s

if TYPE_CHECKING:
    import sqlite3

    from tui.config import KeySource, Settings
    from tui.database.thread import Database
    from tui.worker.connection import Connection

_KEYRING_LIMIT_S = 5.0
_MOMENT_S = 0.05
WaitNotice = Callable[[Clean, float], None]
"""Why a job waits, and until when (Unix seconds)."""


class Key(msgspec.Struct, frozen=True):
    """A key that can be sent; `account` is whose money it spends."""

    account: str
    tail: Clean
    secret: Secret | None
    """None for a server that wants no key."""


class Place(msgspec.Struct, frozen=True):
    """A key with room for one try."""

    key: Key
    try_id: int


class KeyRing:
    """Hands out the least loaded usable key; where none is, waits and says for how long."""

    def __init__(self, settings: Settings, database: Database, connection: Connection) -> None:
        self._settings = settings
        self._database = database
        self._connection = connection
        self._keys: tuple[Key, ...] | None = None
        self._unreadable: list[Clean] = []
        """What the keyring said of keys that it should have."""
        self._lock = asyncio.Lock()
        self._jitter = random.Random()
        self.server_offset_s = 0.0
        """The server's clock minus ours, as its answers say."""

    @property
    def limits(self) -> KeyLimits:
        own = self._settings.provider.limits
        return KeyLimits(req_per_min=own.req_per_min, tokens_per_min=own.tokens_per_min)

    async def keys(self) -> tuple[Key, ...]:
        """The keys of the active provider in the order of the configuration; the keyring is asked once."""
        async with self._lock:
            if self._keys is None:
                provider = self._settings.provider
                found = [await self._resolve(source) for source in provider.keys]
                keys = [Key(secret.account(provider.origin), Clean(secret.tail), secret) for secret in found if secret]
                if not provider.keys and provider.type == "openai":
                    # A server of one's own that wants no key: limits and money need an account all the same.
                    keys = [Key(Secret("").account(provider.origin), Clean("no key"), None)]
                self._keys = tuple({key.account: key for key in reversed(keys)}.values())[::-1]
            return self._keys

    async def first(self) -> Key | None:
        """The key whose limit and credits the meter shows: the first that was not refused."""
        keys = await self.keys()
        if len(keys) < 2:
            return keys[0] if keys else None
        try:
            dead = {use.account for use in await self.uses() if use.state is KeyState.DEAD}
        except StorageFailed:
            dead = set()
        return next((key for key in keys if key.account not in dead), keys[0])

    async def of_account(self, account: str) -> Key | None:
        """The key that made a request, to ask for its bill."""
        return next((key for key in await self.keys() if key.account == account), None)

    async def management(self) -> Key | None:
        """The management key, where one is configured."""
        source = self._settings.provider.management_key
        secret = await self._resolve(source) if source is not None else None
        return Key(secret.account(self._settings.provider.origin), Clean(secret.tail), secret) if secret else None

    async def uses(self) -> tuple[KeyUse, ...]:
        """All keys as the limits see them now."""
        asked = [(key.account, key.tail, self.limits) for key in await self.keys()]
        return await self._database.run(limit_table.key_uses, asked, time.time())

    async def take(self, take: Take, *, refused: set[str], wait_s: float, waits: WaitNotice) -> Place:
        """A key with room for this try, counted as used.

        `refused` holds the accounts that have refused this request already. Raises `ApiError` when there is no key,
        none that can be used within `wait_s` seconds, or the request is larger than the whole limit.
        """
        deadline = time.time() + wait_s
        while True:
            keys = {key.account: key for key in await self.keys() if key.account not in refused}
            if not keys:
                raise no_key(self._settings.demo, self._unreadable)
            uses = [use for use in await self.uses() if use.account in keys]
            usable = [use for use in uses if _is_usable(use)]
            if not usable:
                usable = await self._revive(uses, keys)
            rooms = [room for use in uses if (room := _rest_of(use)) is not None]
            for use in sorted(usable, key=_load):
                key = keys[use.account]
                own = replace(
                    take,
                    account=key.account,
                    key_tail=key.tail,
                    limits=self.limits,
                    server_offset_s=self.server_offset_s,
                )
                match await self._count(own):
                    case Taken(try_id):
                        return Place(key, try_id)
                    case NeverFits(tokens=tokens, limit=limit):
                        raise ApiError(
                            ErrorKind.OWN_LIMIT,
                            Clean(f"This request needs {tokens:,} tokens; your limit is {limit:,} a minute."),
                            advice=Clean("Lower max_tokens, or raise tokens_per_min in the configuration."),
                            request_written=False,
                        )
                    case NoRoom() as room:
                        rooms.append(room)
            await self._wait(min(rooms, key=lambda room: room.until), deadline, waits)

    async def _count(self, take: Take) -> TakeOutcome:
        """Count the try; when the job is stopped meanwhile it is forgotten again."""
        counted: list[int] = []
        try:
            return await self._database.run(_take_noting, take, time.time(), counted)
        except asyncio.CancelledError:
            # The unit is carried out all the same, and this one after it.
            self._database.post(_forget, counted)
            raise

    async def has_other(self, key: Key, refused: set[str], *, ready: bool) -> bool:
        """Whether a key that has not refused this request could serve it; `ready`: only one that could do so now."""
        others = [use for use in await self.uses() if use.account not in refused and use.account != key.account]
        return any(_is_usable(use) for use in others) if ready else bool(others)

    def note_success_soon(self, key: Key) -> None:
        """The key works: it is neither dead nor empty. An answer does not wait for this to be written down."""
        self._database.post(key_table.mark_ready, key.account)

    async def note_answer(self, key: Key) -> None:
        """A free call with the key was answered: it is neither dead nor empty; only a rest after a 429 runs on."""
        use = next((use for use in await self.uses() if use.account == key.account), None)
        if use is not None and use.state in (KeyState.DEAD, KeyState.EMPTY):
            await self._database.run(key_table.mark_ready, key.account)

    async def note_failure(self, key: Key, error: ApiError) -> None:
        """Let the key rest after a 429, call it dead after a 401, empty after a 402."""
        now = time.time()
        reason = clean_line(error.message)
        if error.kind is ErrorKind.BAD_KEY:
            await self._database.run(key_table.mark_dead, key.account, reason=reason, now=now)
        elif error.kind in (ErrorKind.NO_CREDIT, ErrorKind.KEY_LIMIT):
            await self._database.run(key_table.mark_empty, key.account, reason=reason, now=now)
        elif error.kind in KEY_RESTS:
            wait = wanted_wait_s(error)
            if wait is None:
                use = next((use for use in await self.uses() if use.account == key.account), None)
                wait = backoff_s(use.failures if use else 0, self._jitter)
            await self._database.run(key_table.rest_key, key.account, until=now + wait, reason=reason, now=now)
        elif error.kind in (ErrorKind.FREE_PER_DAY, ErrorKind.FREE_PER_MINUTE):
            # The allowance belongs to free models only: the key goes on serving all others.
            await self._correct_free(key, error, now)

    async def _correct_free(self, key: Key, error: ApiError, now: float) -> None:
        """A 429 of the free-model allowance says how large it is, and that it is used up."""
        known = await self._database.run(limit_table.free_use, key.account, now, self.server_offset_s)
        wait = wanted_wait_s(error)
        full_until = None if wait is None else now + min(wait, limit_table.WINDOW_S)
        now += self.server_offset_s
        if error.kind is ErrorKind.FREE_PER_DAY:
            day = error.limit or known.day_limit
            await self._database.run(limit_table.correct_free, key.account, now, day_used=day, day_limit=day)
        else:
            minute = error.limit or known.minute_limit
            await self._database.run(
                limit_table.correct_free, key.account, now, minute_limit=minute, minute_full_until=full_until
            )

    async def _resolve(self, source: KeySource) -> Secret | None:
        if source.secret is not None or source.keyring_name is None:
            return source.secret
        why = "it is not there"
        try:
            async with asyncio.timeout(_KEYRING_LIMIT_S):
                found = await _in_own_thread(_look_up, source.keyring_name, self._settings)
        except TimeoutError:
            found, why = None, "the keyring did not answer in time"
        except _KeyringFailed as failed:
            found, why = None, str(failed)
        if found is None:
            self._unreadable.append(clean_line(f"The key keyring:{source.keyring_name} could not be had: {why}."))
        return found

    async def _revive(self, uses: list[KeyUse], keys: dict[str, Key]) -> list[KeyUse]:
        """Keys that may serve after all: an account may have been filled up, a refused key may have been mended."""
        if any(use.state is KeyState.RESTING for use in uses):
            return []
        empty = [use for use in uses if use.state is KeyState.EMPTY]
        if empty:
            return empty
        if self._settings.provider.type == "openai":
            # There is nothing to test a key with but the request itself.
            return uses
        client = await self._connection.client()
        refusal: ApiError | None = None
        for use in uses:
            key = keys[use.account]
            try:
                await repeat_get(lambda key=key: client.key_info(key.secret))  # type: ignore[misc]
            except ApiError as error:
                refusal = refusal or error
            else:
                await self._database.run(key_table.mark_ready, use.account)
                return [use]
        raise refusal or no_key(self._settings.demo, self._unreadable)

    async def _wait(self, room: NoRoom, deadline: float, waits: WaitNotice) -> None:
        now = time.time()
        if room.until > deadline:
            raise ApiError(
                _kind_of_wait(room.reason),
                Clean(f"No key has room for another {duration(room.until - now)}: {room.reason}."),
                advice=Clean("Wait, or use another provider."),
                retry_after_s=max(0.0, room.until - now),
                request_written=False,
            )
        waits(room.reason, room.until)
        # A moment on top, so that the window has certainly moved on.
        await asyncio.sleep(max(0.0, room.until - now) + _MOMENT_S)


def _take_noting(connection: sqlite3.Connection, take: Take, now: float, counted: list[int]) -> TakeOutcome:
    outcome = limit_table.take(connection, take, now)
    if isinstance(outcome, Taken):
        counted.append(outcome.try_id)
    return outcome


def _forget(connection: sqlite3.Connection, counted: list[int]) -> None:
    for try_id in counted:
        limit_table.give_back(connection, try_id)


class _KeyringFailed(Exception):
    """The keyring could not be asked; the text is half a sentence."""


def _look_up(name: str, settings: Settings) -> Secret | None:
    from tui import keyring_store

    try:
        return keyring_store.get(name, settings.folders.data)
    except keyring_store.KeyStoreError as error:
        raise _KeyringFailed(str(error)) from None


async def _in_own_thread(
    call: Callable[[str, Settings], Secret | None], name: str, settings: Settings
) -> Secret | None:
    """In a thread that nothing waits for at the end: a keyring may ask for its password for ever."""
    future: Future[Secret | None] = Future()

    def carry_out() -> None:
        try:
            found = call(name, settings)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the answer
            future.set_exception(error)
        else:
            future.set_result(found)

    future.set_running_or_notify_cancel()
    threading.Thread(target=carry_out, name="keyring", daemon=True).start()
    return await asyncio.wrap_future(future)


def no_key(demo: bool, unreadable: Sequence[Clean] = ()) -> ApiError:
    """What sending says when there is no key to send with."""
    assert not demo, "the demo has a key of its own"
    return ApiError(
        ErrorKind.NO_KEY,
        unreadable[0] if unreadable else Clean("No API key is configured."),
        advice=Clean(
            "Set OPENROUTER_API_KEY, run `ortui keys set NAME`, or name one in config.yaml (`ortui config init`)."
        ),
        request_written=False,
    )


def _is_usable(use: KeyUse) -> bool:
    if use.state is KeyState.RESTING:
        return use.until is not None and use.until <= time.time()
    return use.state is KeyState.READY


def _load(use: KeyUse) -> float:
    """How full the last minute of a key is, by whichever of its limits is nearer; without limits, by its requests."""
    by_requests = use.requests_60s / use.limits.req_per_min if use.limits.req_per_min else use.requests_60s / 1e6
    by_tokens = use.tokens_60s / use.limits.tokens_per_min if use.limits.tokens_per_min else use.tokens_60s / 1e12
    return max(by_requests, by_tokens)


def _rest_of(use: KeyUse) -> NoRoom | None:
    if use.state is not KeyState.RESTING or use.until is None:
        return None
    return NoRoom(until=use.until, reason=clean_line(f"key {use.tail} rests: {use.reason or 'rate limited'}"))


def _kind_of_wait(reason: Clean) -> ErrorKind:
    """What stands in the way, by the words that the windows give for it."""
    if reason.startswith(("the request limit", "the token limit")):
        return ErrorKind.OWN_LIMIT
    if reason.startswith("the free-model allowance"):
        return ErrorKind.FREE_PER_DAY if "a day" in reason else ErrorKind.FREE_PER_MINUTE
    return ErrorKind.RATE_LIMITED
