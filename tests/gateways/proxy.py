"""A real LiteLLM proxy on loopback, with an upstream of the bed behind it and keys that a test hands out.

It writes the proxy's configuration, starts it and ends it; what is asked of it is the business of the tests.
"""

import json
import re
from pathlib import Path
from typing import Any, Final, Self

import httpx

from tests.bed.gateways import Gateway
from tests.bed.home import MODEL, Home
from tests.bed.processes import REPOSITORY, end, start, wait_until

PROGRAM: Final = REPOSITORY / ".venv-gateways" / "bin" / "litellm"
START_S: Final = 180.0
"""Usually 6 to 12 s; the first start of a fresh environment compiles 700 MB of modules."""

PRICED: Final = "priced-model"
"""The same upstream under a name that costs money, as budgets are only kept for such models."""

_AUTH: Final = """
import json, pathlib
from litellm.proxy._types import UserAPIKeyAuth, hash_token

KEYS = pathlib.Path(__file__).with_name("keys.json")

async def check(request, api_key):
    key = api_key.removeprefix("Bearer ")
    known = json.loads(KEYS.read_text())
    if key not in known:
        raise Exception("no such key")
    return UserAPIKeyAuth(api_key=hash_token(key), **known[key])
"""
"""LiteLLM calls it with each request in the place of its database: who a key is stands in a file."""


class LiteLlm:
    """The proxy; use as a context manager."""

    def __init__(self, home: Home, upstream: Gateway, keys: dict[str, dict[str, Any]]) -> None:
        """Live in *home* and pass requests on to *upstream*; *keys* are fields of `UserAPIKeyAuth`."""
        self.upstream = upstream
        self._keys_file = home.path / "keys.json"
        self.hand_out(keys)
        (home.path / "key_file.py").write_text(_AUTH, encoding="utf-8")
        config = home.path / "config.yaml"
        config.write_text(json.dumps(_config(upstream)), encoding="utf-8")  # YAML too
        self._log = home.path / "litellm.log"
        env = home.env | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_COLOR": "1"}
        command = [str(_program()), "--config", str(config), "--host", "127.0.0.1", "--port", "0"]
        with self._log.open("wb") as log:
            self.process = start(command, env, home.path, output=log)
        try:
            wait_until(lambda: bool(self._address()), "litellm listens", START_S)
        except BaseException:
            end(self.process)
            raise
        self.origin = self._address()

    @property
    def base_url(self) -> str:
        """What goes into `baseURL`."""
        return f"{self.origin}/v1"

    def hand_out(self, keys: dict[str, dict[str, Any]]) -> None:
        """Let these keys in from now on, and no other."""
        fresh = self._keys_file.with_suffix(".new")
        fresh.write_text(json.dumps(keys), encoding="utf-8")
        fresh.replace(self._keys_file)

    def ask(self, key: str, model: str = MODEL, *, stream: bool = False) -> httpx.Response:
        """Ask for a chat as a plain client would."""
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hello."}]}
        return httpx.post(
            f"{self.base_url}/chat/completions",
            headers={"authorization": f"Bearer {key}"},
            json=body,
            timeout=60,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process)

    def _address(self) -> str:
        if self.process.poll() is not None:
            raise RuntimeError(f"litellm ended with {self.process.returncode}: {self._text()}")
        found = re.search(r"Uvicorn running on (http://[\d.:]+)", self._text())
        return found[1] if found else ""

    def _text(self) -> str:
        return self._log.read_text(errors="replace")


def _program() -> Path:
    if not PROGRAM.exists():
        raise FileNotFoundError(f"LiteLLM is not at {PROGRAM}: run make test-gateways")
    return PROGRAM


def _config(upstream: Gateway) -> dict[str, Any]:
    served = {"model": "openai/upstream", "api_base": upstream.base_url, "api_key": "upstream-key"}
    price = {"input_cost_per_token": 0.01, "output_cost_per_token": 0.01}
    return {
        "model_list": [
            {"model_name": MODEL, "litellm_params": served},
            {"model_name": PRICED, "litellm_params": served | price},
        ],
        "general_settings": {
            "master_key": "sk-master-key-of-the-test-bed",
            "custom_auth": "key_file.check",
            "custom_auth_run_common_checks": True,
        },
        "litellm_settings": {"telemetry": False, "num_retries": 0},
    }
