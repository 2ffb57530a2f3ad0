"""Work that a screen begins and does not wait for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.worker import Worker


def soon(node: DOMNode, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, latest: bool = False) -> None:
    """Run it beside everything else, until it is done or `node` is gone; `latest`: it takes the place of its group's.

    `work` gives its coroutine only when it begins: one that is cancelled before would never be awaited.
    """

    async def run() -> None:
        await work()

    _: Worker[None] = node.run_worker(run, group=group, exclusive=latest)
