"""The word that somebody most likely meant."""

import pytest

from sidecar.nearest import nearest


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("gateway", "gateways"),
        ("quota_path", "quotaPath"),
        ("quota-path", "quotaPath"),
        ("BASEURL", "baseURL"),
        ("baseUrl", "baseURL"),
        ("url", "baseURL"),
        ("whatever", None),
        ("", None),
    ],
)
def test_case_and_dashes_are_no_difference(word: str, meant: str | None) -> None:
    assert nearest(word, ["baseURL", "gateways", "quotaPath"]) == meant


def test_how_alike_they_must_be_is_up_to_who_asks() -> None:
    assert (nearest("quota-path", ["quotaPath"], 1), nearest("quota_path", ["quotaPath"], 1)) == (
        "quotaPath",
    ) * 2
    assert (nearest("url", ["baseURL"], 0.8), nearest("baseUrI", ["baseURL"], 0.8)) == (None, "baseURL")
