"""The structs of `quota-sidecar.jsonc` that say where requests may go, and how much may be used there."""

from typing import Annotated, Any

from msgspec import Meta, Struct

from sidecar.core.choose import Strategy
from sidecar.core.limits import Limits
from sidecar.quota.mapping import HeaderName

TargetName = Annotated[
    str,
    Meta(pattern=r"^[^/]+/.+$", max_length=300, description="provider/model, both as OpenCode calls them."),
]
DottedPath = Annotated[str, Meta(min_length=1, max_length=200)]
MaxAttempts = Annotated[int, Meta(ge=1, le=16)]
Tokens = Annotated[int, Meta(ge=1)]
Amount = Annotated[float, Meta(ge=0)]

HEADERS = "Sent along; {env:NAME} and {file:path} are replaced."
_SET = 'Put into the body of a request, by dotted path: {"provider.order": ["x"]}; * is every item of a list.'
_REMOVE = "Left out of the body of a request, by dotted path; * is every item of a list."


class TargetEntry(Struct, frozen=True, rename="camel"):
    """A target of a route, with what is particular to it."""

    target: TargetName
    model: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200)] | None,
        Meta(description="What the provider itself calls the model. Default: as OpenCode would."),
    ] = None
    headers: Annotated[dict[HeaderName, str], Meta(description=HEADERS)] = {}
    set: Annotated[dict[DottedPath, Any], Meta(description=_SET)] = {}
    remove: Annotated[list[DottedPath], Meta(description=_REMOVE)] = []
    context_limit: Annotated[
        Tokens | None, Meta(description="Tokens that a request may have. Default: OpenCode's, if it knows.")
    ] = None
    output_limit: Annotated[
        Tokens | None, Meta(description="Tokens that may be asked for. Default: OpenCode's, if it knows.")
    ] = None


class RouteEntry(Struct, frozen=True, rename="camel"):
    """Targets that stand in for each other."""

    targets: Annotated[
        list[TargetName | TargetEntry],
        Meta(description="In order; a request for one of them may go to any that speaks the same wire."),
    ]
    strategy: Annotated[
        Strategy,
        Meta(
            description="priority: the model that you chose, then the order here. "
            "headroom: whoever has the most left. cost: the cheapest. latency: the fastest."
        ),
    ] = "priority"
    max_attempts: Annotated[
        MaxAttempts | None,
        Meta(description="Targets that one request is sent to at most. Default: maxAttempts."),
    ] = None


class VirtualModelEntry(Struct, frozen=True, rename="camel"):
    """A model of `limit-router`: one model at several providers."""

    enabled: Annotated[bool, Meta(description="false: there is no such model.")] = True
    targets: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=300)]],
        Meta(
            description="provider/model, both as OpenCode calls them; or a provider, for its model of that "
            "name. In order, where the strategy wants one. Default: every provider that has the model."
        ),
    ] = []
    name: Annotated[
        Annotated[str, Meta(min_length=1, max_length=80)] | None,
        Meta(
            description="What OpenCode's picker calls it. Default: the model's name, and that it is routed."
        ),
    ] = None
    strategy: Annotated[
        Strategy | None, Meta(description="How to choose. Default: strategy, beside virtualModels.")
    ] = None


class ProviderLimits(Limits, frozen=True, rename="camel", omit_defaults=True):
    """How much you want to use of a provider at most; it comes last as soon as one is reached."""

    requests_per_hour: Annotated[Amount | None, Meta(description="In a clock hour.")] = None
    requests_per_day: Annotated[Amount | None, Meta(description="From midnight to midnight.")] = None
    tokens_per_day: Annotated[Amount | None, Meta(description="Read, written and cached ones.")] = None
    cost_per_day: Annotated[Amount | None, Meta(description="US dollars, by the catalogue's prices.")] = None
    hard: Annotated[
        bool, Meta(description="true: nothing is sent there any more, instead of as the last resort.")
    ] = False


class ProviderEntry(Struct, frozen=True, rename="camel"):
    """What is set for a provider."""

    enabled: Annotated[
        bool,
        Meta(description="false: nothing is fetched or shown of it, and no request of another goes there."),
    ] = True
    priority: Annotated[
        float, Meta(description="Lower is asked sooner, where there is no route that says the order.")
    ] = 0.0
    headers: Annotated[dict[HeaderName, str], Meta(description=HEADERS)] = {}
    set: Annotated[dict[DottedPath, Any], Meta(description=_SET)] = {}
    remove: Annotated[list[DottedPath], Meta(description=_REMOVE)] = []
    limits: Annotated[ProviderLimits | None, Meta(description="Your own limits for it.")] = None
    undocumented: Annotated[
        bool,
        Meta(
            description="true: what is left is also asked where its service doesn't document it, "
            "as for Claude, ChatGPT and Copilot plans."
        ),
    ] = False
