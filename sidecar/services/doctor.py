"""`quota-sidecar doctor`: finds out all that a report of a bug needs, and what is wrong.

It looks and asks, and changes nothing: no claim is held, nothing is put into the store, and a gateway that
refuses now is asked by others as before.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from sidecar.adapters.catalogue import Catalogue
from sidecar.adapters.catalogue_file import read_catalogue
from sidecar.adapters.config import OUR_FILES, Config, ConfigLoader
from sidecar.adapters.credentials import KeyFinder, default_variable, key_finder
from sidecar.adapters.documents import Document, DocumentReader
from sidecar.adapters.gateway import Gateway
from sidecar.adapters.gateway_client import ask
from sidecar.adapters.host_config import HostConfig, read_host_config, read_project_plugins
from sidecar.adapters.installation import look_at_host, look_at_program
from sidecar.adapters.log_files import read_logs
from sidecar.adapters.paths import Places, shorten
from sidecar.adapters.preset_files import PresetFiles, PresetRefusedError
from sidecar.adapters.quota_http import QuotaFetchError, QuotaHttp
from sidecar.adapters.secrets import Placeholders, Secret, UnresolvedError
from sidecar.adapters.store_facts import look_at_store
from sidecar.plain import is_object
from sidecar.protocol import ROUTER, Target
from sidecar.quota import presets
from sidecar.services.installed import look_at_installed
from sidecar.services.status import key_report, problem_report
from sidecar.texts import doctor_findings as words
from sidecar.texts.decisions import name as named
from sidecar.texts.doctor_data import (
    DoctorReport,
    FileReport,
    PresetReport,
    ProbeReport,
    ProviderReport,
    VirtualModelReport,
)
from sidecar.texts.status_report import FailureReport


class Doctor:
    """Looks at everything once."""

    def __init__(
        self,
        places: Places,
        environ: Mapping[str, str],
        loader: ConfigLoader,
        http: QuotaHttp,
        clock: Callable[[], float],
    ) -> None:
        """Look in *places*, as *loader* reads them; *clock* gives Unix seconds."""
        self._places = places
        self._environ = environ
        self._loader = loader
        self._http = http
        self._clock = clock
        self._presets = PresetFiles(places.config)

    async def examine(self, project: Path | None) -> DoctorReport:
        """Return all that is found, with every problem; *project* is the folder that we are called in."""
        catalogue = read_catalogue(self._places.state)
        config = self._loader.load(project, catalogue=catalogue)
        host = read_host_config(self._places, self._loader.reader)
        keys = key_finder(self._environ, host, Placeholders(self._environ, [project] if project else []))
        probes = await self._probe_all(config)
        now = self._clock()
        state = self._places.state
        plugins = host.plugins + (read_project_plugins(project, DocumentReader()) if project else [])
        # Not beside the probes: to start it would slow them.
        opencode = await look_at_host(self._places, self._environ, plugins, host.misplaced)
        log = await anyio.to_thread.run_sync(
            read_logs, state / "logs", self._environ, now, _secrets(config, keys), words.NOT_SHOWN
        )
        packages = [row.spec for row in opencode.plugins if row.is_package and not row.trouble]
        report = DoctorReport(
            at=now,
            program=look_at_program(self._environ),
            host=opencode,
            files=tuple(self._files()),
            presets=tuple(self._own_presets()),
            gateways=tuple(probes),
            providers=tuple(self._unconfigured(config, host, keys)),
            store=await anyio.to_thread.run_sync(look_at_store, state, self._environ),
            log=log,
            config_file=shorten(self._places.config / OUR_FILES[0], self._environ),
            is_enabled=config.settings.enabled,
            switched_off=config.switched_off,
            virtual_models=tuple(_virtual_models(config, catalogue)),
            enabled_providers=host.enabled_providers,
            config_problems=tuple(problem_report(row, self._environ) for row in config.problems),
            installed=look_at_installed(packages, log.preparation, self._environ),
        )
        return msgspec.structs.replace(report, problems=words.find(report), notes=words.worth_knowing(report))

    async def _probe_all(self, config: Config) -> list[ProbeReport]:
        probes: dict[int, ProbeReport] = {}

        async def probe(index: int, gateway: Gateway) -> None:
            probes[index] = await self._probe(gateway, config)

        await self._http.prepare({row.base.scheme for row in config.gateways if row.base})
        async with anyio.create_task_group() as tasks:
            for index, gateway in enumerate(config.gateways):
                tasks.start_soon(probe, index, gateway)
        return [probes[index] for index in sorted(probes)]

    async def _probe(self, gateway: Gateway, config: Config) -> ProbeReport:
        key = key_report(gateway)
        wants_key = default_variable(gateway.provider_id) if key.is_missing else None
        report = ProbeReport(gateway.provider_id, gateway.label, key, "not_asked", wants_key=wants_key)
        if not config.settings.enabled:
            return msgspec.structs.replace(report, state="switched_off")
        if gateway.mapping.is_passive:
            return report
        began = anyio.current_time()
        try:
            reading = await ask(self._http, gateway, config.settings.quota_timeout_s, self._clock)
        except QuotaFetchError as error:
            failure = FailureReport(error.kind, error.status)
            report = msgspec.structs.replace(report, state="failed", failure=failure)
        else:
            report = msgspec.structs.replace(report, state="answers", windows=len(reading.windows))
        return msgspec.structs.replace(report, latency_ms=round(1000 * (anyio.current_time() - began), 1))

    def _files(self) -> Iterator[FileReport]:
        for path, document in self._loader.reader.looked_at.items():
            yield _file(shorten(path, self._environ), document)

    def _own_presets(self) -> Iterator[PresetReport]:
        for name, path in self._presets.own.items():
            problem = None
            try:
                self._presets.load(name)
            except PresetRefusedError as error:
                problem = problem_report(error.problem, self._environ)
            yield PresetReport(name, shorten(path, self._environ), problem)

    def _unconfigured(self, config: Config, host: HostConfig, keys: KeyFinder) -> Iterator[ProviderReport]:
        """Yield providers that have a key and no gateway: OpenCode's, and services that we know."""
        gateways = {*config.switched_off, *(gateway.provider_id for gateway in config.gateways)}
        hosts_own, names = {*host.providers, *host.auth}, self._presets.names()
        for provider_id in sorted({*hosts_own, *names} - gateways):
            variables = host.providers[provider_id].variables if provider_id in host.providers else ()
            try:
                credential = keys.find(provider_id, None, variables)
            except UnresolvedError:
                continue
            if not credential:
                continue
            fits = provider_id in names and self._is_service(provider_id)
            if fits or provider_id in hosts_own:
                preset = provider_id if fits else None
                yield ProviderReport(provider_id, credential.used.source, preset, _heard_by(provider_id))

    def _is_service(self, name: str) -> bool:
        """Say whether the preset *name* is of one service, which can be asked without another word."""
        try:
            mapping = self._presets.load(name)
        except PresetRefusedError:
            return False
        return bool(mapping.base_url and mapping.requests and not mapping.config)


def _virtual_models(config: Config, catalogue: Catalogue) -> Iterator[VirtualModelReport]:
    """Yield nothing before a host has told its catalogue: without one nobody knows what can be used."""
    for model in config.virtual_models.values() if catalogue.providers() else ():
        route = config.targets.route(Target(ROUTER, model.id), catalogue)
        usable = [row for row in route.targets if row.why_not is None or row.by_turn]
        yield VirtualModelReport(
            model.id,
            model.strategy,
            tuple(named(row.target) for row in usable),
            {named(row.target): row.why_not or "" for row in route.targets if row not in usable},
            model.is_listed,
        )


def _heard_by(provider_id: str) -> str | None:
    """Return the preset that reads this provider's ordinary answers, and not everybody's."""
    own = (name for name in presets.listening_to(provider_id) if provider_id in presets.load(name).providers)
    return next(own, None)


def _file(name: str, document: Document | None) -> FileReport:
    if document is None:
        return FileReport(name, "not_there")
    if document.problem:
        return FileReport(name, "refused", document.problem.message, document.problem.line)
    return (
        FileReport(name, "read") if is_object(document.data) else FileReport(name, "refused", words.NO_OBJECT)
    )


def _secrets(config: Config, keys: KeyFinder) -> list[str]:
    """Return every key that we know of."""
    found = [secret for gateway in config.gateways for secret in gateway.secrets()]
    found += [key.reveal() for key in keys.config_keys.values() if isinstance(key, Secret)]
    logins = (login for login in keys.auth.values() if is_object(login))
    values = (login.get(name) for login in logins for name in ("key", "token", "access", "refresh"))
    return found + [value for value in values if isinstance(value, str)]
