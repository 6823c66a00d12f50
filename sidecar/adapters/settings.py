"""The structs of `quota-sidecar.jsonc`, global and in a project.

They are `schema/config.json` too: a description here is the hint that an editor shows.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from sidecar.adapters.route_settings import HEADERS, MaxAttempts, ProviderEntry, RouteEntry, VirtualModelEntry
from sidecar.core.choose import Strategy
from sidecar.core.failure import FailureClass
from sidecar.quota.mapping import HeaderName

ProviderId = Annotated[str, Meta(min_length=1, max_length=100)]
ModelId = Annotated[str, Meta(min_length=1, max_length=200)]
Variable = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Width = Annotated[int, Meta(ge=40, le=80, description="Columns of a report.")]


class GatewayEntry(Struct, frozen=True, rename="camel"):
    """An OpenAI-compatible endpoint with a URL that says what is left."""

    provider_id: Annotated[
        ProviderId, Meta(description="The provider's id in OpenCode; its key and baseURL are inherited.")
    ]
    base_url: Annotated[
        str | None,
        Meta(description="Default: provider.<id>.options.baseURL of the global opencode.json."),
    ] = field(default=None, name="baseURL")
    quota_path: Annotated[
        str | None,
        Meta(
            description="Appended to the base URL's path, or after // to its origin. "
            "Default: the preset's, else /quota."
        ),
    ] = None
    label: Annotated[
        Annotated[str, Meta(max_length=40)] | None,
        Meta(description="What to call it. Default: the provider's name, else its id."),
    ] = None
    preset: Annotated[
        str | None,
        Meta(
            description="How a service is asked and read; `quota-sidecar presets` lists ours, "
            "and quota-presets/NAME.toml beside this file is your own."
        ),
    ] = None
    mapping: Annotated[
        str | dict[str, Any] | None,
        Meta(description="How the reply at quotaPath reads: a preset's name or a mapping. Default: neutral."),
    ] = None
    api_key_env: Annotated[
        Variable | None,
        Meta(
            description="The environment variable that holds the key. "
            "Default: the provider's id in capitals and _API_KEY."
        ),
    ] = None
    config: Annotated[
        dict[str, str],
        Meta(description="What the preset wants to know, like a team's id; {env:NAME} and {file:path} work."),
    ] = {}
    headers: Annotated[
        dict[HeaderName, str], Meta(description="Sent along; {env:NAME} and {file:path} are replaced.")
    ] = {}


class WebhookEntry(Struct, frozen=True, rename="camel"):
    """A receiver of what happens."""

    url: Annotated[
        str,
        Meta(min_length=1, description="{env:NAME} and {file:path} are replaced; it is never shown."),
    ]
    format: Annotated[Literal["json", "slack"], Meta(description="What is posted.")] = "json"
    events: Annotated[
        list[Literal["failover", "recovered", "exhausted", "low"]],
        Meta(description="Which events it is told. Default: all."),
    ] = field(default_factory=lambda: ["failover", "recovered", "exhausted", "low"])
    headers: Annotated[dict[HeaderName, str], Meta(description=HEADERS)] = {}


class FailurePatternEntry(Struct, frozen=True, rename="camel"):
    """What a refusal means when its message or body matches; asked before our own rules."""

    match: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1000,
            description="A regular expression (RE2), matched in any case in the message and the body.",
        ),
    ]
    failure_class: Annotated[FailureClass, Meta(description="What it means.")] = field(name="class")
    provider: Annotated[
        ProviderId | None, Meta(description="A provider's id, or a glob like my-*. Default: every provider.")
    ] = None


class Settings(Struct, frozen=True, rename="camel"):
    """`quota-sidecar.jsonc` in OpenCode's global configuration folder."""

    schema: Annotated[str | None, Meta(description="Where this schema is, for editors.")] = field(
        default=None, name="$schema"
    )
    enabled: Annotated[bool, Meta(description="false: the plugin does nothing but say so.")] = True
    gateways: Annotated[list[GatewayEntry], Meta(description="The gateways to ask what is left.")] = []
    providers: Annotated[
        dict[ProviderId, ProviderEntry], Meta(description="By OpenCode's provider ids.")
    ] = {}
    routes: Annotated[
        list[RouteEntry],
        Meta(
            description="Where a request goes on when its provider refuses; the first that lists it counts."
        ),
    ] = []
    models: Annotated[
        dict[str, list[str]],
        Meta(description="Ids that mean the same model, for autoRoute: a row's key and all that it lists."),
    ] = {}
    auto_route: Annotated[
        bool,
        Meta(
            description="false: without a route that lists it, a request goes nowhere else; "
            "true: to providers that have the same model."
        ),
    ] = True
    virtual_models: Annotated[
        dict[ModelId, VirtualModelEntry], Meta(description="Models of limit-router, by id.")
    ] = {}
    auto_virtual_models: Annotated[
        bool,
        Meta(
            description="false: limit-router has only the models that you list; "
            "true: also each that two providers or more have."
        ),
    ] = True
    strategy: Annotated[
        Strategy, Meta(description="How limit-router chooses: headroom, priority, cost or latency.")
    ] = "headroom"
    reserve: Annotated[
        float,
        Meta(ge=0, le=50, description="Percent that are kept: who has no more comes after the unknown."),
    ] = 5.0
    auto_quota: Annotated[
        bool,
        Meta(
            description="false: only gateways are asked what is left; "
            "true: also known providers that you have a key for."
        ),
    ] = True
    dry_run: Annotated[
        bool,
        Meta(
            description="true: what would be done is only noted; every request goes where you chose, "
            "but for models of limit-router: somebody has to take those."
        ),
    ] = False
    max_attempts: Annotated[MaxAttempts, Meta(description="Targets that one request is sent to at most.")] = 3
    headers_timeout_s: Annotated[
        float,
        Meta(ge=0, le=3600, description="Seconds of silence after which another target is asked; 0: never."),
    ] = 90.0
    wall_budget_s: Annotated[
        float, Meta(ge=1, le=3600, description="Seconds after which a request is sent nowhere else.")
    ] = 240.0
    webhooks: Annotated[list[WebhookEntry], Meta(description="Who else is told what happens.")] = []
    failure_patterns: Annotated[
        list[FailurePatternEntry], Meta(description="What refusals mean that we don't know, or know better.")
    ] = []
    quota_cache_s: Annotated[
        float,
        Meta(ge=1, le=86400, description="Seconds for which a reply is shown without asking again."),
    ] = 60.0
    quota_timeout_s: Annotated[
        float,
        Meta(
            ge=0.5,
            le=14,
            description="Seconds that one quota request may take, from connecting to the last byte.",
        ),
    ] = 8.0
    width: Width = 72
    toasts: Annotated[bool, Meta(description="false: no toasts.")] = True


class ProjectProvider(Struct, frozen=True):
    """What a project may set for a provider."""

    enabled: bool = True


class ProjectSettings(Struct, frozen=True, rename="camel"):
    """All that `<project>/.opencode/quota-sidecar.jsonc` may set: switch off, and the width."""

    schema: str | None = field(default=None, name="$schema")
    enabled: bool | None = None
    providers: dict[ProviderId, ProjectProvider] = {}
    width: Width | None = None
    toasts: bool | None = None
    auto_route: bool | None = None
    dry_run: bool | None = None


PROJECT_MAY_SET: dict[str, bool] = {"enabled": False, "toasts": False, "autoRoute": False, "dryRun": True}
"""The one value that a project may give to each switch: a project can only make us do less."""

SETTING_KEYS = frozenset(row.encode_name for row in msgspec.structs.fields(Settings))
"""What may be set at all."""

PROJECT_KEYS = frozenset(row.encode_name for row in msgspec.structs.fields(ProjectSettings))
"""What a project may set some of."""

ENTRY_KEYS = frozenset(row.encode_name for row in msgspec.structs.fields(ProviderEntry))
"""What may be set for a provider; a project may only switch it off."""
