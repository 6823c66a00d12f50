"""What a model costs, as one figure to compare it by."""

from typing import Final

from sidecar.protocol import CataloguePrices

READ: Final = 3.0
WRITTEN: Final = 1.0
"""Tokens that are read for each that is written, without those that a cache has: they are priced alike."""


def price_of(prices: CataloguePrices | None, *, is_paid: bool) -> float | None:
    """Return US dollars for a million tokens, read and written as coding takes them; None: unknown.

    What is paid already (*is_paid*: a subscription, a login, a model on this machine) costs nothing more. The
    host says 0 of a model whose prices nobody has told it.
    """
    if is_paid:
        return 0.0
    if prices is None or not prices.input or not prices.output:
        return None
    return (READ * prices.input + WRITTEN * prices.output) / (READ + WRITTEN)
