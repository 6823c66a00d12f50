"""What recorded refusals mean, as they came and as gateways pass them on."""

from collections.abc import Callable

import pytest

from tests.refusals import EVERY, NOW, WRAPPED, Row, classified, id_of


@pytest.mark.parametrize("row", EVERY, ids=id_of)
def test_a_recorded_refusal_means_what_it_meant(row: Row) -> None:
    failure = classified(row)
    assert failure.failure_class == row["expected_class"]
    if row["retry_after_s"] is None:
        assert (failure.retry_after_s, failure.reset_at) == (None, None)
    else:
        assert failure.retry_after_s == pytest.approx(row["retry_after_s"], abs=0.001)
        assert failure.reset_at == pytest.approx(NOW + row["retry_after_s"], abs=0.001)


@pytest.mark.parametrize("wrap", WRAPPED, ids=lambda wrap: wrap.__name__.strip("_").replace("_", " "))
def test_a_refusal_that_is_passed_on_means_the_same(wrap: Callable[[Row], Row | None]) -> None:
    wrapped = [(row, other) for row in EVERY if (other := wrap(row))]
    changed = [
        id_of(row) for row, other in wrapped if classified(other).failure_class != row["expected_class"]
    ]
    assert (changed, len(wrapped) > 100) == ([], True)


def test_evidence_never_repeats_what_was_said() -> None:
    assert {len(classified(row).evidence) > 80 for row in EVERY} == {False}
