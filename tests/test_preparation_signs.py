"""By which words a reason is known: each sign alone, as one system, proxy or program prints it."""

import errno

import pytest

from sidecar.preparation.reasons import MAX_DETAIL, Kind, of_error, of_output


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("HTTP status client error (407 Proxy Authentication Required)", "407 Proxy Authentication Required"),
        ("HTTP status client error (429 Too Many Requests)", "429 Too Many Requests"),
        ("HTTP status server error (500 Internal Server Error)", "500 Internal Server Error"),
        ("HTTP status server error (502 Bad Gateway)", "502 Bad Gateway"),
        ("HTTP status server error (504 Gateway Timeout)", "504 Gateway Timeout"),
        ("the target machine actively refused it. (os error 10061)", "actively refused"),
        ("Remote end closed connection without response", "Remote end closed connection"),
        ("No such host is known. (os error 11001)", "No such host"),
        ("[Errno 8] nodename nor servname provided, or not known", "nodename nor servname"),
        ("[Errno 11001] getaddrinfo failed", "getaddrinfo failed"),
        ("failed to lookup address information", "failed to lookup address"),
        ("dns error", "dns error"),
        ("Network is unreachable (os error 101)", "Network is unreachable"),
        ("No route to host (os error 113)", "No route to host"),
        ("Tunnel connection failed: 404 Not Found)", "Tunnel connection failed: 404 Not Found"),
        ("Cannot connect to proxy.", "Cannot connect to proxy"),
        ("Network connectivity is disabled, but the data", "connectivity is disabled"),
        ("error sending request", "error sending request"),
        ("Failed to establish a new connection: odd", "Failed to establish a new connection"),
    ],
)
def test_an_index_that_cant_be_reached_is_told_by_its_sign(line: str, detail: str) -> None:
    found = of_output(f"{line}\n")
    assert (found.kind, found.detail) == ("noIndex", detail)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("Disk quota exceeded", "diskFull"),
        ("There is not enough space on the disk.", "diskFull"),
        ("Auf dem Datenträger ist kein Platz mehr. (os error 112)", "diskFull"),
        ("failed to build `google-re2==1.1`", "noPackages"),
        ("failed building wheel for google-re2", "noPackages"),
        ("metadata-generation-failed", "noPackages"),
        ("no solution found when resolving dependencies", "noPackages"),
        ("[Errno 30] Read-only file system: '/data'", "notWritable"),
        ("Access is denied: 'C:\\data'", "notWritable"),
        ("Zugriff verweigert (os error 5)", "notWritable"),
    ],
)
def test_any_other_is_told_by_the_whole_line(line: str, kind: Kind) -> None:
    found = of_output(f"{line}\n")
    assert (found.kind, found.detail) == (kind, line.rstrip("."))


def test_of_a_traceback_the_exception_is_told() -> None:
    found = of_output("Traceback:\nModuleNotFoundError: No module named 'httpx'\nand more\n")
    assert (found.kind, found.detail) == ("notPrepared", "No module named 'httpx'")


def test_a_detail_is_no_longer_than_a_toast_can_show() -> None:
    assert of_output("x" * MAX_DETAIL).detail == "x" * MAX_DETAIL
    assert of_output("x" * (MAX_DETAIL + 1)).detail == "x" * (MAX_DETAIL - 1) + "…"


def test_what_the_system_refuses_is_known_by_its_number() -> None:
    full, refused = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)
    assert {of_error(OSError(number, "")).kind for number in full} == {"diskFull"}
    assert {of_error(OSError(number, "")).kind for number in refused} == {"notWritable"}
