"""The wire as data: every message between the shim and the sidecar, and the one table of methods.

This file is the single source. `make schema` turns it into `schema/protocol.json` and
`js-shim/src/protocol.gen.ts`. It imports nothing of ours and holds no behaviour.

Rules of the wire: JSON-RPC 2.0, UTF-8, one object a line. Methods are `<resource>/<verb>`, fields are
camelCase, instants are float Unix seconds named `*At`, durations are float seconds named `*S`. Unknown
is absent, never null. Unknown fields are ignored by both sides.

What never crosses: the text of prompts and answers, images, tool data, and the host's own credentials.
"""

from enum import IntEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Raw, Struct

PROTOCOL_MAJOR: Final = 1
"""Raised when an older peer would misread a message; only another major is refused."""

ROUTER: Final = "limit-router"
"""The provider whose models are virtual: each stands for one model at several real providers."""

MAX_LINE_BYTES: Final = 4 * 1024 * 1024
"""A longer line is drained and answered with `PARSE_ERROR` and no id."""


class ErrorCode(IntEnum):
    """The `code` of every error on the wire."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    REQUEST_CANCELLED = -32800
    PROTOCOL_MISMATCH = -32001
    NOT_INITIALIZED = -32002
    UNKNOWN_WORKSPACE = -32003
    UNKNOWN_COMMAND = -32004
    SHUTTING_DOWN = -32005


Wire = Literal["openai-chat", "openai-responses", "anthropic-messages", "other"]
"""The format that a request to a model is written in; `other` is passed on as it is."""

NonNegative = Annotated[float, Meta(ge=0)]


class EmptyParams(Struct, frozen=True, rename="camel"):
    """Params of a method that needs none."""


class EmptyResult(Struct, frozen=True, rename="camel"):
    """Result of a method that only acknowledges."""


class InitializeParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The first request of a shim, once for each sidecar that it starts."""

    protocol_major: int
    shim_version: str
    shows_toasts: bool = True
    """False where nobody would see one: a host that does one turn and ends."""


class InitializeResult(Struct, frozen=True, rename="camel"):
    """The sidecar's half of the handshake."""

    protocol_major: int
    sidecar_version: str
    response_header_prefixes: list[str]
    """Lower-case prefixes; of a response only headers that start with one of them may cross."""


class CatalogueLimits(Struct, frozen=True, rename="camel"):
    """Token limits of a model; absent is unknown."""

    context: NonNegative | None = None
    output: NonNegative | None = None


class CataloguePrices(Struct, frozen=True, rename="camel"):
    """Prices of a model in US dollars per million tokens; absent is unknown."""

    input: NonNegative | None = None
    output: NonNegative | None = None
    cache_read: NonNegative | None = None
    cache_write: NonNegative | None = None


class CatalogueModel(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A model as the host lists it."""

    id: str
    name: str | None = None
    api_id: str | None = None
    """What the provider itself calls it, where that is another name."""
    npm: str | None = None
    limits: CatalogueLimits | None = None
    input_modalities: list[str] | None = None
    takes_tools: bool | None = None
    takes_temperature: bool | None = None
    reasons: bool | None = None
    """It can be told to think before it answers."""
    prices: CataloguePrices | None = None


class CatalogueProvider(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A provider as the host lists it: no options, no key, no URL."""

    id: str
    models: list[CatalogueModel]
    name: str | None = None
    source: str | None = None
    """Where the host has it from, in its own words: `config` is a file, a project's perhaps."""


class WorkspaceOpenParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A directory that the host serves from now on; asked again when its providers are known."""

    directory: str
    providers: list[CatalogueProvider] | None = None
    host_version: str | None = None


class WorkspaceOpenResult(Struct, frozen=True, rename="camel"):
    """What the directory's configuration wants to see."""

    response_header_prefixes: list[str]
    """Lower-case prefixes, beside those of `initialize`; of the last answer for this directory."""


class WorkspaceCloseParams(Struct, frozen=True, rename="camel"):
    """A directory that the host no longer serves."""

    directory: str


class Target(Struct, frozen=True, rename="camel"):
    """A model of a provider, both by the host's ids."""

    provider_id: str
    model_id: str


class CommandExecuteParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A slash command that a user typed."""

    directory: str
    session_id: str
    message_id: str
    command: str
    """Without the slash."""
    arguments: str
    target: Target | None = None
    """The model of the turn that the command was typed in."""


class CommandExecuteResult(Struct, frozen=True, rename="camel"):
    """The answer to a command, ready to be shown as it is."""

    text: str


class BodyShape(Struct, frozen=True, rename="camel"):
    """All that crosses of a request's body."""

    size_bytes: int
    has_images: bool
    has_tools: bool
    stream: bool
    has_answers: bool = True
    """It holds answers of a model, whichever that was."""


class ModelRequest(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A request to a model, as the host made it; what every question about it begins with."""

    request_id: str
    directory: str
    session_id: str
    message_id: str
    """The user's message that it works on."""
    agent: str
    target: Target
    """The model that the host asks: the user's own target."""
    wire: Wire
    body: BodyShape
    origin: str | None = None
    """Scheme, host and port that the host calls; nothing more of the URL crosses."""


class RequestPlanParams(ModelRequest, frozen=True, rename="camel", omit_defaults=True):
    """A request that is about to leave for a model; asked on the request path, with a deadline."""


class RequestFailedParams(ModelRequest, frozen=True, rename="camel", omit_defaults=True):
    """An attempt of a request got a refusal or no answer; asked before the host sees anything of it.

    No question on the sidecar's own memory: it may have been started after the first attempt.
    """

    tried: list[Target] = []
    """The targets that it was sent to so far, in order; the last one is the one that failed."""
    elapsed_s: NonNegative = 0.0
    """Since the host made the request."""
    failed_origin: str | None = None
    """The origin that the failed attempt called."""
    status: int | None = None
    """Absent when no response came."""
    headers: dict[str, str] = {}
    """Lower-case names; only those whose prefixes were asked for."""
    text: str = ""
    """The beginning of the refusal's body, or the error event of a stream; never logged."""
    error_name: str = ""
    error_message: str = ""
    """What the runtime said where no response came."""


class PassPlan(Struct, frozen=True, rename="camel", tag_field="kind", tag="pass", omit_defaults=True):
    """Send the request as it is, to the provider that the user chose.

    After a failure: nothing else is left. The host gets the response of the user's own target, which is
    asked now if it was not yet.
    """

    headers_timeout_s: NonNegative | None = None
    """Silence of this length before the first content ends the attempt; absent: it may take for ever."""


class Edit(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A change of the body's JSON: removes what is at the path, unless it says what to do instead."""

    path: list[str]
    """Keys from the root; `*` is every item of a list. What isn't there is left so, but for a `set`."""
    where: dict[str, str] | None = None
    """Only where the value there is an object with these fields."""
    set: Raw | None = None
    """Put this there."""
    at_most: float | None = None
    """Lower a number that is greater."""


class SendPlan(Struct, frozen=True, rename="camel", tag_field="kind", tag="send", omit_defaults=True):
    """Send the request to another target: its URL, its credentials, and a body that it understands."""

    target: Target
    url: str
    headers: dict[str, str]
    """Instead of the host's own, but for those that describe the body."""
    edits: list[Edit] = []
    """In order."""
    headers_timeout_s: NonNegative | None = None
    """As of `PassPlan`."""


class AgainPlan(Struct, frozen=True, rename="camel", tag_field="kind", tag="again", omit_defaults=True):
    """Send the same once more to the target that failed, after a wait."""

    after_s: NonNegative
    headers_timeout_s: NonNegative | None = None
    """As of `PassPlan`."""


class ReplyPlan(Struct, frozen=True, rename="camel", tag_field="kind", tag="reply"):
    """Give the host this response; nothing more is sent."""

    status: int
    headers: dict[str, str]
    body: str


Plan = PassPlan | SendPlan | AgainPlan | ReplyPlan


class RequestPlanResult(Struct, frozen=True, rename="camel"):
    """What to do with the request. A shim treats a `kind` that it does not know as `pass`."""

    plan: Plan


class RequestFailedResult(Struct, frozen=True, rename="camel"):
    """What to do after the failure; as `RequestPlanResult`."""

    plan: Plan


class RequestFinishedParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One attempt of a request is decided: its answer goes to the host, or it failed.

    Told once for each attempt; after a failure, when that has been answered.
    """

    request_id: str
    directory: str
    session_id: str
    message_id: str
    agent: str
    target: Target
    """The target that was called."""
    headers: dict[str, str]
    """Lower-case names; only those whose prefixes were asked for."""
    ttfb_s: NonNegative
    """From the request leaving to the response's head (or to the failure)."""
    status: int | None = None
    """Absent when no response came."""
    refused: bool = False
    """A status that is an error, or an error in place of content."""
    aborted: bool = False
    """The user aborted before a response came."""
    origin: str | None = None
    """The origin that was called."""


class TurnRouteParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A user's turn is about to begin; asked before anything of it is sent."""

    directory: str
    session_id: str
    agent: str
    target: Target
    """The model that the host would ask: what its picker shows."""
    parent_id: str | None = None
    """The session that started this one, as far as that is known without asking."""


class TurnRouteResult(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Where the turn goes instead."""

    target: Target | None = None
    """Absent: where it was going."""


class MessageFinishedParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """An assistant's message is complete: what it used, of the one request that made it."""

    directory: str
    session_id: str
    message_id: str
    parent_id: str
    """The user's message that it answers."""
    agent: str
    input_tokens: NonNegative = 0
    """Without those of the cache."""
    output_tokens: NonNegative = 0
    """With those of reasoning."""
    cache_read_tokens: NonNegative = 0
    cache_write_tokens: NonNegative = 0


class SessionErrorParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A user's turn has ended with an error, and the session has come to rest."""

    directory: str
    session_id: str
    message_id: str
    """The last message of the user."""
    agent: str
    target: Target
    is_root: bool
    """A session that a user started, no subagent's."""
    went_by_us: bool
    """The turn's requests went through `request/plan`: nothing more can be done for it."""
    error_name: str = ""
    error_message: str = ""
    status: int | None = None


class SessionResumeParams(Struct, frozen=True, rename="camel"):
    """Do the last turn of a session again with another model; the same message, agent and variant."""

    directory: str
    session_id: str
    message_id: str
    """Only if it is still the last message of the user."""
    target: Target


class SessionIdleParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A session has come to rest; told twice after an error."""

    directory: str
    session_id: str
    parent_id: str | None = None
    """The session that started this one; absent for one that a user started."""


ToastVariant = Literal["info", "success", "warning", "error"]


class ToastShowParams(Struct, frozen=True, rename="camel", omit_defaults=True):
    """A note for the user, shown by every client of the host."""

    directory: str
    message: str
    variant: ToastVariant
    title: str | None = None
    duration_s: NonNegative | None = None
    """How long it stays; absent is as long as the host likes."""


class CancelRequestParams(Struct, frozen=True, rename="camel"):
    """Give up a request that is under way; it is answered with `REQUEST_CANCELLED`."""

    id: int | str


class Method(Struct, frozen=True):
    """One row of `METHODS`: a request when it has a result, else a notification."""

    params: type[Struct]
    result: type[Struct] | None
    sent_by: Literal["shim", "sidecar", "both"]


METHODS: Final[dict[str, Method]] = {
    "initialize": Method(InitializeParams, InitializeResult, "shim"),
    "workspace/open": Method(WorkspaceOpenParams, WorkspaceOpenResult, "shim"),
    "workspace/close": Method(WorkspaceCloseParams, EmptyResult, "shim"),
    "command/execute": Method(CommandExecuteParams, CommandExecuteResult, "shim"),
    "request/plan": Method(RequestPlanParams, RequestPlanResult, "shim"),
    "request/failed": Method(RequestFailedParams, RequestFailedResult, "shim"),
    "request/finished": Method(RequestFinishedParams, None, "shim"),
    "turn/route": Method(TurnRouteParams, TurnRouteResult, "shim"),
    "message/finished": Method(MessageFinishedParams, None, "shim"),
    "session/idle": Method(SessionIdleParams, None, "shim"),
    "session/error": Method(SessionErrorParams, None, "shim"),
    "ping": Method(EmptyParams, EmptyResult, "shim"),
    "shutdown": Method(EmptyParams, EmptyResult, "shim"),
    "toast/show": Method(ToastShowParams, None, "sidecar"),
    "session/resume": Method(SessionResumeParams, None, "sidecar"),
    "$/cancelRequest": Method(CancelRequestParams, None, "both"),
}
