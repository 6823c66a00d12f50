"""What a model's tokens cost, by what the host's catalogue says of its prices."""

from typing import Final

from sidecar.protocol import CataloguePrices, MessageFinishedParams

READ: Final = 3.0
WRITTEN: Final = 1.0
"""Tokens that are read for each that is written, without those that a cache has: they are priced alike."""


def price_of(prices: CataloguePrices | None, *, is_paid: bool) -> float | None:
    """Return US dollars for a million tokens, read and written as coding takes them; None: unknown.

    What is paid already (*is_paid*: a subscription, a login, a model on this machine) costs nothing more.
    """
    if is_paid:
        return 0.0
    if (known := _known(prices)) is None:
        return None
    read, written = known
    return (READ * read + WRITTEN * written) / (READ + WRITTEN)


def cost_of(used: MessageFinishedParams, prices: CataloguePrices | None) -> float | None:
    """Return the cost of the tokens that a message has *used*, in US dollars; None: unknown."""
    if prices is None or (known := _known(prices)) is None:
        return None
    read, written = known
    parts = (
        (used.input_tokens, read),
        (used.output_tokens, written),
        (used.cache_read_tokens, read if prices.cache_read is None else prices.cache_read),
        (used.cache_write_tokens, read if prices.cache_write is None else prices.cache_write),
    )
    return sum(tokens * price for tokens, price in parts) / 1_000_000


def _known(prices: CataloguePrices | None) -> tuple[float, float] | None:
    """Return the prices of input and output; the host says 0 of a model whose prices nobody has told it."""
    if prices is None or not prices.input or not prices.output:
        return None
    return prices.input, prices.output
