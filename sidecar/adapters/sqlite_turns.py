"""How callers wait for the store's thread: all of them for one entry, and each for as long as it likes."""

import asyncio
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Turn:
    """An entry into the database for all who asked before it began: what waits is written, then it is read.

    A turn that is under way may be past what they want to be seen, so they share the one after it.
    """

    done: Future[None]
    news_at: float | None = None
    """When somebody asked what others have written; None: nobody has."""


async def result_of(future: Future[T], within_s: float | None = None) -> T | None:
    """Wait for *future*, at most so long; None if that is not enough. It goes on without who gives up."""
    if not future.done():
        await asyncio.wait([asyncio.wrap_future(future)], timeout=within_s)
    return future.result() if future.done() else None
