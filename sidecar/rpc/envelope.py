"""The JSON-RPC envelope: one struct for everything that can stand on a line, and how it is written.

Params and results stay raw here; the dispatcher decodes them by the method's own struct.
"""

import re
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from sidecar.protocol import ErrorCode

RequestId = int | str


class ErrorBody(Struct, frozen=True, omit_defaults=True):
    """The `error` of a response."""

    code: int
    message: str


class Envelope(Struct, frozen=True, tag_field="jsonrpc", tag="2.0", omit_defaults=True):
    """A request, a notification or a response."""

    id: RequestId | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: ErrorBody | UnsetType = UNSET


class _IdOnly(Struct, frozen=True):
    id: RequestId | None = None


class RpcError(Exception):
    """A failure that the peer is told of: its code is stable, its message fit for a user's eyes."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        """Take the wire's *code* and a *message* without secrets."""
        super().__init__(message)
        self.code = code
        self.message = message


_encoder: Final = msgspec.json.Encoder()
_envelopes: Final = msgspec.json.Decoder(Envelope)
_ids: Final = msgspec.json.Decoder(_IdOnly)
_ID_AT_START: Final = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18})\s*[,}]')

UNDECODABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""All that decoding hostile bytes can raise: bad JSON, bad UTF-8, lone surrogates, too deep."""


def decode(line: bytes) -> Envelope:
    """Decode one line, or raise `RpcError` with the code of what is wrong with it."""
    try:
        envelope = _envelopes.decode(line)
    except msgspec.ValidationError as error:
        raise RpcError(ErrorCode.INVALID_REQUEST, f"not a JSON-RPC 2.0 message: {error}") from error
    except UNDECODABLE as error:
        raise RpcError(ErrorCode.PARSE_ERROR, "not JSON") from error
    if envelope.method is UNSET and envelope.result is UNSET and envelope.error is UNSET:
        raise RpcError(ErrorCode.INVALID_REQUEST, "not a JSON-RPC 2.0 message: no method, result or error")
    return envelope


def recover_id(line: bytes) -> RequestId | None:
    """Return the id of a line that is no envelope, when it can be seen.

    In what is no JSON at all only an id at the very start counts: one further in may belong to anything.
    """
    try:
        return _ids.decode(line).id
    except UNDECODABLE:
        head = _ID_AT_START.match(line)
        return int(head.group(1)) if head else None


def encode_notification(method: str, params: Struct) -> bytes:
    return _line(Envelope(method=method, params=_raw(params)))


def encode_result(request_id: RequestId | None, result: Struct) -> bytes:
    return _line(Envelope(id=request_id, result=_raw(result)))


def encode_error(request_id: RequestId | None, error: RpcError) -> bytes:
    return _line(Envelope(id=request_id, error=ErrorBody(int(error.code), error.message)))


def _raw(value: Any) -> Raw:
    return Raw(_encoder.encode(value))


def _line(envelope: Envelope) -> bytes:
    return _encoder.encode(envelope) + b"\n"
