"""Why an environment could not be made, by what uv and pip really printed (uv 0.13, pip 23, 24 and 26)."""

import errno

import pytest

from sidecar.preparation.reasons import Kind, of_error, of_output, without_secrets, worse

POOL = "HTTPConnectionPool(host='127.0.0.1', port=4873): Max retries exceeded with url: /simple/anyio/"
NONE = """\
ERROR: Could not find a version that satisfies the requirement anyio<5,>=4.9 (from opencode-quota-sidecar)
ERROR: No matching distribution found for anyio<5,>=4.9
"""


def uv(*causes: str, at: str = "http://127.0.0.1:4873/simple/anyio/") -> str:
    chain = [f"error: Failed to fetch: {at}", *(f"  cause: {cause}" for cause in causes)]
    return "Using Python 3.11.7 environment at: environments/0.1.0-x\n" + "\n".join(chain) + "\n"


def pip(reason: str) -> str:
    where = "2026-11-21T20:48:55,123   Could not fetch URL http://127.0.0.1:4873/simple/anyio/"
    return f"{where}: {reason} - skipping\nLooking in indexes: http://me:****@127.0.0.1:4873/simple/\n{NONE}"


@pytest.mark.parametrize(
    ("output", "kind", "detail"),
    [
        (
            uv(
                "error sending request for url (http://127.0.0.1:4873/simple/anyio/)",
                "client error (Connect)",
                "tcp connect error",
                "Connection refused (os error 111)",
            ),
            "noIndex",
            "127.0.0.1:4873: Connection refused",
        ),
        (
            uv(
                "error sending request for url (http://index.invalid/simple/msgspec/)",
                "client error (Connect)",
                "dns error",
                "failed to lookup address information: Name or service not known",
                at="http://index.invalid/simple/msgspec/",
            ),
            "noIndex",
            "index.invalid: Name or service not known",
        ),
        (
            uv(
                "error sending request for url (https://127.0.0.1:4873/simple/anyio/)",
                "client error (Connect)",
                "invalid peer certificate: UnknownIssuer",
            ),
            "noIndex",
            "127.0.0.1:4873: invalid peer certificate: UnknownIssuer",
        ),
        (
            uv("error sending request for url (http://127.0.0.1:4873/simple/anyio/)", "operation timed out"),
            "noIndex",
            "127.0.0.1:4873: operation timed out",
        ),
        (
            uv(
                "HTTP status server error (503 Service Unavailable) for url "
                "(http://127.0.0.1:4873/simple/anyio/)"
            ),
            "noIndex",
            "127.0.0.1:4873: 503 Service Unavailable",
        ),
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because anyio was not found in the package registry and "
            "opencode-quota-sidecar==0.1.0 depends on anyio>=4.9,<5, we can conclude that "
            "opencode-quota-sidecar==0.1.0 cannot be used.\n\n"
            "hint: An index URL (http://127.0.0.1:4873/simple/) could not be queried due to a lack of valid "
            "authentication credentials (401 Unauthorized)\n",
            "noIndex",
            "127.0.0.1:4873: 401 Unauthorized",
        ),
        (
            "error: No solution found when resolving dependencies\n"
            "  cause: Because jmespath was not found in the package registry and "
            "opencode-quota-sidecar==0.1.0 depends on jmespath>=1.0,<2, we can conclude that "
            "opencode-quota-sidecar==0.1.0 cannot be used.\n"
            "         And because only opencode-quota-sidecar==0.1.0 is available and you require "
            "opencode-quota-sidecar, we can conclude that your requirements are unsatisfiable.\n",
            "noPackages",
            "jmespath was not found in the package registry",
        ),
        (
            "Resolved 13 packages in 261ms\nDownloading google-re2 (403 kB)\n"
            "error: Failed to download `jmespath==1.1.0`\n"
            "  cause: Failed to extract archive: jmespath-1.1.0-py3-none-any.whl\n"
            "  cause: Invalid zip file structure\n"
            "  cause: unable to locate the end of central directory record\n",
            "notPrepared",
            "unable to locate the end of central directory record",
        ),
        (
            pip(
                f"connection error: {POOL} (Caused by NewConnectionError('<pip._vendor.urllib3.connection."
                "HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] "
                "Connection refused'))"
            ),
            "noIndex",
            "127.0.0.1:4873: Connection refused",
        ),
        (
            pip("401 Client Error: Unauthorized for url: http://127.0.0.1:4873/simple/anyio/"),
            "noIndex",
            "127.0.0.1:4873: 401 Unauthorized",
        ),
        (
            pip("403 Client Error: Blocked by policy for url: http://127.0.0.1:4873/simple/anyio/"),
            "noIndex",
            "127.0.0.1:4873: 403 Blocked by policy",
        ),
        (
            pip(
                f"There was a problem confirming the ssl certificate: {POOL} (Caused by SSLError("
                "SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                "self-signed certificate (_ssl.c:1006)')))"
            ),
            "noIndex",
            "127.0.0.1:4873: certificate verify failed: self-signed certificate",
        ),
        (
            pip(
                f'connection error: {POOL} (Caused by ReadTimeoutError("Read timed out. (read timeout=15)"))'
            ),
            "noIndex",
            "127.0.0.1:4873: Read timed out",
        ),
        (
            pip("127.0.0.1 didn't respond within 15.0 seconds"),
            "noIndex",
            "127.0.0.1:4873: didn't respond within 15.0 seconds",
        ),
        (
            pip(f"{POOL} (Caused by ResponseError('too many 503 error responses'))"),
            "noIndex",
            "127.0.0.1:4873: too many 503 error responses",
        ),
        (
            pip("404 Client Error: Not Found for url: http://127.0.0.1:4873/simple/anyio/"),
            "noPackages",
            "No matching distribution found for anyio<5,>=4.9",
        ),
        (
            "WARNING: The repository located at index.lan is not a trusted or secure host and is being "
            "ignored.\n" + NONE,
            "noIndex",
            "not a trusted or secure host",
        ),
        (NONE, "noPackages", "No matching distribution found for anyio<5,>=4.9"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "diskFull",
            "Could not install packages due to an OSError: [Errno 28] No space left on device",
        ),
        (
            "error: Failed to install: httpx-0.28.1-py3-none-any.whl (httpx==0.28.1)\n"
            "  Caused by: failed to copy file: No space left on device (os error 28)\n",
            "diskFull",
            "failed to copy file: No space left on device (os error 28)",
        ),
        (
            "The virtual environment was not created successfully because ensurepip is not available.  On "
            "Debian/Ubuntu\n"
            "systems, you need to install the python3-venv package using the following command.\n",
            "noVenv",
            "systems, you need to install the python3-venv package using the following command",
        ),
        (
            "/usr/bin/python3.12: No module named venv\n",
            "noVenv",
            "/usr/bin/python3.12: No module named venv",
        ),
        (
            "error: failed to create directory `/home/me/.cache/uv`: Permission denied (os error 13)\n",
            "notWritable",
            "failed to create directory `/home/me/.cache/uv`: Permission denied (os error 13)",
        ),
        (
            pip(
                f"connection error: {POOL} (Caused by ProxyError('Cannot connect to proxy.', "
                "NewConnectionError('Failed to establish a new connection: [Errno 111] Connection refused')))"
            ),
            "noIndex",
            "127.0.0.1:4873: Cannot connect to proxy",
        ),
        (
            pip(
                f"There was a problem confirming the ssl certificate: {POOL} (Caused by SSLError(SSLError(1, "
                "'[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)')))"
            ),
            "noIndex",
            "127.0.0.1:4873: [SSL: WRONG_VERSION_NUMBER] wrong version number",
        ),
        (
            pip("Can't connect to HTTPS URL because the SSL module is not available."),
            "notPrepared",
            "SSL module is not available",
        ),
        (
            "Traceback (most recent call last):\nModuleNotFoundError: No module named '_sqlite3'\n",
            "notPrepared",
            "No module named '_sqlite3'",
        ),
        (
            "ERROR: Exception:\nTraceback (most recent call last):\n"
            "pip._vendor.urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(1 byte)')\n",
            "noIndex",
            "Connection broken",
        ),
        (
            "ERROR: Exception:\nTraceback (most recent call last):\n"
            "pip._vendor.packaging.markers.InvalidMarker: Invalid marker: 'x'\n",
            "notPrepared",
            "Invalid marker: 'x'",
        ),
        (
            "ERROR: Cannot install httpx because these package versions have conflicting dependencies.\n"
            "ERROR: ResolutionImpossible: for help visit https://pip.pypa.io/en/latest/topics/\n",
            "noPackages",
            "Cannot install httpx because these package versions have conflicting dependencies",
        ),
        (
            "ImportError: /data/_core.so: failed to map segment from shared object\n",
            "notWritable",
            "/data/_core.so: failed to map segment from shared object",
        ),
        ("", "notPrepared", "it printed nothing"),
    ],
)
def test_what_was_printed_is_a_reason(output: str, kind: Kind, detail: str) -> None:
    found = of_output(output)
    assert (found.kind, found.detail) == (kind, detail)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "Looking in indexes: https://me:p@ss@index.lan/simple, http://token@index.lan:80/x",
            "Looking in indexes: https://index.lan/…, http://index.lan:80/…",
        ),
        (
            "error: invalid value 'http://me:pa/token#1@index.lan/simple/' for '--default-index'",
            "error: invalid value 'http://index.lan/…' for '--default-index'",
        ),
        (
            "Could not fetch URL https://index.lan/token/simple/anyio/: 404 Client Error",
            "Could not fetch URL https://index.lan/… 404 Client Error",
        ),
        ("(`https://index.lan?key=token`)", "(`https://index.lan/…`)"),
        (POOL, POOL.replace("/simple/anyio/", "…")),
        (
            "ValueError: Port could not be cast to integer value as 'token'",
            "ValueError: Port could not be cast to integer value as '…'",
        ),
        ("nonnumeric port: 'token'", "nonnumeric port: '…'"),
        ("HTTP://me:token@index.lan/x, https:/me:token@index.lan", "HTTP://index.lan/…, https:/index.lan/…"),
        ("socks5://me:token@index.lan:1080", "socks5://index.lan:1080/…"),
        ("git+ssh://me:token@index.lan/x", "git+ssh://index.lan/…"),
        ("indexes: me:token@index.lan/simple", "indexes: …@index.lan/simple"),
        ("pip.conf\n[line  3]: 'password token\\n'", "pip.conf\n[line  3]: …"),
        ("file:///home/me@work/it.whl", "file:///home/me@work/it.whl"),
        ("file:///home/me/it.whl and https://index.lan", "file:///home/me/it.whl and https://index.lan/…"),
    ],
)
def test_of_an_index_nothing_but_its_host_is_repeated(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_of_two_ways_the_reason_that_is_to_be_mended_first_is_told() -> None:
    full = of_output("No space left on device")
    index = of_output("Connection refused")
    strange = of_output("strange")
    assert [worse(strange, index), worse(index, strange), worse(index, full)] == [index, index, full]


def test_what_the_system_refuses_has_its_reason_and_its_file() -> None:
    full, refused = (errno.ENOSPC, errno.EDQUOT), (errno.EACCES, errno.EPERM, errno.EROFS)
    assert {of_error(OSError(number, "")).kind for number in full} == {"diskFull"}
    assert {of_error(OSError(number, "")).kind for number in refused} == {"notWritable"}
    in_the_way = of_error(FileExistsError(errno.EEXIST, "File exists", "/home/me/.local/share"))
    assert (in_the_way.kind, in_the_way.detail) == ("notWritable", "/home/me/.local/share: File exists")
    in_its_place = of_error(IsADirectoryError(errno.EISDIR, "Is a directory", "/x/.new", None, "/x/bin"))
    assert (in_its_place.kind, in_its_place.detail) == ("notWritable", "/x/bin: Is a directory")
    assert of_error(OSError(errno.EIO, "Input/output error")).kind == "notPrepared"
