"""The structs of `quota-sidecar.jsonc`, global and in a project. They are `schema/config.json` too."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

ProviderId = Annotated[str, Meta(min_length=1, max_length=100)]
HeaderName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class GatewayEntry(Struct, frozen=True, rename="camel"):
    """An OpenAI-compatible endpoint with a URL that says what is left."""

    provider_id: ProviderId
    """The provider's id in OpenCode; its key and baseURL are inherited."""
    base_url: str | None = field(default=None, name="baseURL")
    quota_path: str | None = None
    """Appended to the base URL's path, or after `//` to its origin. Default: the preset's, else /quota."""
    label: Annotated[str, Meta(max_length=40)] | None = None
    preset: str | None = None
    """A preset's path and mapping: neutral, openrouter, litellm."""
    mapping: str | dict[str, Any] | None = None
    """How the reply reads: a preset's name or a mapping. Default: neutral."""
    api_key_env: Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """The environment variable that holds the key. Default: the provider's id in capitals + _API_KEY."""
    headers: dict[HeaderName, str] = {}
    """Sent along; {env:NAME} and {file:path} are replaced."""


class ProviderEntry(Struct, frozen=True, rename="camel"):
    """What is set for a provider."""

    enabled: bool = True
    """Off: nothing is fetched or shown of it."""


class Settings(Struct, frozen=True, rename="camel"):
    """`quota-sidecar.jsonc` in OpenCode's global configuration folder."""

    schema: str | None = field(default=None, name="$schema")
    enabled: bool = True
    """Off: the plugin does nothing but say so."""
    gateways: list[GatewayEntry] = []
    providers: dict[ProviderId, ProviderEntry] = {}
    """By OpenCode's provider ids."""
    quota_cache_s: Annotated[float, Meta(ge=1, le=86400)] = 60.0
    """Seconds for which a quota reply is shown without asking again."""
    quota_timeout_s: Annotated[float, Meta(ge=0.5, le=14)] = 8.0
    """Seconds that one quota request may take, from connecting to the last byte."""
    width: Annotated[int, Meta(ge=40, le=80)] = 72
    """Columns of a report."""
    toasts: bool = True
    auto_route: bool = True
    """For routing, which is not there yet: read, without effect."""
    dry_run: bool = False
    """For routing, which is not there yet: read, without effect."""


class ProjectSettings(Struct, frozen=True, rename="camel"):
    """All that `<project>/.opencode/quota-sidecar.jsonc` may set: switch off, and the width."""

    schema: str | None = field(default=None, name="$schema")
    enabled: bool | None = None
    providers: dict[ProviderId, ProviderEntry] = {}
    width: Annotated[int, Meta(ge=40, le=80)] | None = None
    toasts: bool | None = None
    auto_route: bool | None = None
    dry_run: bool | None = None


PROJECT_MAY_SET: dict[str, bool] = {"enabled": False, "toasts": False, "autoRoute": False, "dryRun": True}
"""The one value that a project may give to each switch: a project can only make us do less."""
