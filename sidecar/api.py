"""For other programs: what is left at the user's accounts, and where a model should go now.

    from sidecar import api

    for account in api.usage_now():
        print(account.label, account.headroom_percent, account.resets_at)
    print(api.choose_now("claude-sonnet-4-5").taken)

Everything is as for OpenCode itself: the same configuration, keys, cache and waits, shared with every
OpenCode of this user that runs. Nothing of it is changed; what a gateway answers is kept for all, as ever.

Times are Unix seconds, shares percent from 0 to 100, prices US dollars for a million tokens; None is unknown.
Each call reads the configuration anew and lets go of all that it has opened.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from os import environ as own_environ
from pathlib import Path

import anyio
import structlog
from anyio import to_thread

from sidecar.adapters.paths import find_places
from sidecar.application import Application
from sidecar.core.choose import Strategy
from sidecar.logs import configure_logging
from sidecar.quota.windows import Window
from sidecar.services.model_names import UnknownModelError, find_model
from sidecar.services.status import UnknownGatewayError
from sidecar.services.usage import usage as usage_of
from sidecar.texts.decisions import CandidateReport
from sidecar.texts.route_report import ChoiceReport, report
from sidecar.texts.usage_report import ProviderUsage

__all__ = (
    "CandidateReport",
    "ChoiceReport",
    "ProviderUsage",
    "Strategy",
    "UnknownGatewayError",
    "UnknownModelError",
    "Window",
    "choose",
    "choose_now",
    "usage",
    "usage_now",
)


async def usage(
    provider: str | None = None,
    *,
    refresh: bool = False,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[ProviderUsage]:
    """Return what is left at each account, as `quota-sidecar usage --json` prints it.

    *provider* is one provider's id or label; else it is all. What is older than `quotaCacheS` is asked again,
    or with *refresh* all of it; that takes `quotaTimeoutS` seconds at most, and who can't be asked has a
    `failure`. *directory* is the project whose settings count, by default none; *environ* takes the place of
    `os.environ`.

    Raises `UnknownGatewayError` for a *provider* that there is not.
    """
    async with _application(environ) as application:
        place = await to_thread.run_sync(application.place, directory)
        return list(usage_of(await application.status.report(place, provider, refresh=refresh)))


async def choose(
    model: str,
    strategy: Strategy | None = None,
    *,
    ask: bool = True,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> ChoiceReport:
    """Return where *model* should go now, as `quota-sidecar route --json` prints it.

    *model* is a model of limit-router, a spelling of any that there is, or `provider/model`. `taken` of the
    result is `provider/model`, for `opencode run -m`; None: nobody can be asked, and `candidates` say why.
    Its `reason` is "nobody is left" where all have to wait; then `taken` is the one that is back first.
    *strategy* takes the place of what is configured. With *ask*, what is left is asked first where it was
    not heard of lately.
    *directory* and *environ* are as for `usage`.

    Raises `UnknownModelError`, whose message names the nearest.
    """
    async with _application(environ) as application:
        place = await to_thread.run_sync(application.place, directory)
        found = find_model(place, model)
        if ask:
            await application.choices.ask(place, found)
        return report(await application.choices.choice(place, found, strategy=strategy, by_host=True))


def usage_now(
    provider: str | None = None,
    *,
    refresh: bool = False,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> list[ProviderUsage]:
    """Do as `usage`, and wait for it; not where an event loop runs."""
    return anyio.run(partial(usage, provider, refresh=refresh, directory=directory, environ=environ))


def choose_now(
    model: str,
    strategy: Strategy | None = None,
    *,
    ask: bool = True,
    directory: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> ChoiceReport:
    """Do as `choose`, and wait for it; not where an event loop runs."""
    return anyio.run(partial(choose, model, strategy, ask=ask, directory=directory, environ=environ))


@asynccontextmanager
async def _application(environ: Mapping[str, str] | None) -> AsyncGenerator[Application]:
    if not structlog.is_configured():  # its default writes to stdout, which is the caller's
        configure_logging(quiet=True)
    variables = dict(own_environ if environ is None else environ)
    application = Application(find_places(variables), variables)
    try:
        yield application
    finally:
        await application.aclose()
