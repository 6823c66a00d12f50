"""What a model costs: three tokens read for each that is written."""

import pytest

from sidecar.core.price import price_of
from sidecar.protocol import CataloguePrices


@pytest.mark.parametrize(
    ("prices", "is_paid", "expected"),
    [
        (CataloguePrices(input=3.0, output=15.0), False, 6.0),
        (CataloguePrices(input=3.0, output=15.0, cache_read=0.3), False, 6.0),
        (CataloguePrices(input=3.0, output=15.0), True, 0.0),
        (CataloguePrices(input=0.0, output=0.0), False, None),  # nobody told the host
        (CataloguePrices(input=3.0), False, None),
        (None, False, None),
        (None, True, 0.0),
    ],
)
def test_the_price_of_a_million_tokens(
    prices: CataloguePrices | None, is_paid: bool, expected: float | None
) -> None:
    assert price_of(prices, is_paid=is_paid) == expected
