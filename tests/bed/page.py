"""The page of `quota-sidecar doctor`, taken apart; and a home in which it has nothing to complain of."""

import re

from tests.bed.gateways import Gateway
from tests.bed.home import Home, provider
from tests.bed.program import MAIN, run

KEY = "campus-key-0123456789abcdef"
BEGINS = re.compile(r" +(\d+\. |- |Cure: |\"plugin|\"enabled|\{ |chmod )|  [a-zA-Z!~]")
"""What starts a text: a problem and its parts, or a row of a section."""


def install(home: Home, script: str = "echo 1.18.33") -> None:
    """Put an `opencode` first on PATH."""
    program = home.path / "bin" / "opencode"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    home.env["PATH"] = f"{program.parent}:/usr/bin:/bin"


def configure(home: Home, gateway: Gateway, **more: object) -> None:
    """Write a home in which all is well, with one gateway."""
    install(home)
    gateway.quota({"tokens": {"limit": 1000, "used": 250}})
    home.write_opencode({"campus": provider(gateway.base_url, name="Campus", key=KEY)})
    home.write_gateways({"providerId": "campus"}, **more)


def doctor(home: Home, code: int, program: tuple[str, ...] = MAIN, **env: str) -> dict[str, list[str]]:
    """Return the page's parts by their first lines; times and durations as `N`."""
    done = run(home, "doctor", program=program, env=env)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    text = re.sub(r"\b[\d,]+ ms\b", "N ms", done.stdout.removesuffix("\n"))
    parts = [part.split("\n") for part in re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "N", text).split("\n\n")]
    return {first: rest for first, *rest in parts}


def unwrapped(lines: list[str]) -> list[str]:
    """Return texts whole that were broken to fit the page."""
    texts: list[str] = []
    for line in lines:
        if BEGINS.match(line):
            texts.append(line.strip())
        else:
            texts[-1] += f" {line.strip()}"
    return texts


def problems(page: dict[str, list[str]]) -> list[str]:
    """Return the last part, without its first line."""
    return unwrapped(page[list(page)[-1]])


def contents(home: Home) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in home.path.rglob("*")}
