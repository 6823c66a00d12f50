"""`quota-sidecar route`: which provider's model a model's next turn should go to, for scripts."""

import argparse
import sys
from typing import Final, get_args

from sidecar.cli.terminal import application, project, refuse, show, tell

HELP: Final = "print the provider/model that a model should go to now"

NO_SUCH_MODEL: Final = 2
NOBODY: Final = 3

ABOUT: Final = "Print the provider/model that the next turn of a model should go to."
NOTES: Final = """\
MODEL is a model of limit-router, with or without limit-router/ before it, any spelling of a model
that some provider has, or provider/model, of which the answer is another where that has to wait
or where your routes prefer it.

Where is decided as in OpenCode: by what is left, by who has to wait and by what is under way there,
in all OpenCodes of this user. What is left is asked first where it was not heard of lately, for
quotaTimeoutS at most. Which models there are is what OpenCode, with this plugin, told last. With
--explain everybody who was considered is printed to stderr; stdout stays what it is.
"""
EXAMPLES: Final = (
    """opencode run -m "$(quota-sidecar route claude-sonnet-4-5)" "fix the tests\"""",
    "quota-sidecar route anthropic/claude-sonnet-4-5 --strategy cost --explain",
)
EXIT_CODES: Final = {
    NO_SUCH_MODEL: "wrong arguments, or no such model: stderr names the nearest",
    NOBODY: "nobody can be asked now: all have to wait, and the one that is back first is printed; or all "
    "are out, and nothing is",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the model, and how to choose."""
    parser.add_argument("model", metavar="MODEL", help="a model's name, or provider/model")
    parser.add_argument(
        "--strategy",
        metavar="NAME",
        type=_strategy,
        help="headroom, priority, cost or latency; default: as is configured",
    )
    parser.add_argument("--explain", action="store_true", help="print to stderr who was considered, and why")
    parser.add_argument("--json", action="store_true", help="print data instead of a name")


def run(arguments: argparse.Namespace) -> int:
    """Print the target."""
    import anyio

    return anyio.run(_print, arguments)


def _strategy(text: str) -> str:
    from sidecar.core.choose import Strategy
    from sidecar.texts.routes import unknown_strategy

    if text in get_args(Strategy):
        return text
    raise argparse.ArgumentTypeError(unknown_strategy(text, get_args(Strategy)))


async def _print(arguments: argparse.Namespace) -> int:
    from sidecar.services.model_names import UnknownModelError, find_model
    from sidecar.texts.data import as_json
    from sidecar.texts.decisions import name
    from sidecar.texts.route_report import answer, render, report

    async with application() as services:
        place = services.place(project())
        tell(place.config.problems)
        try:
            model = find_model(place, arguments.model)
        except UnknownModelError as error:
            refuse(error)
            return NO_SUCH_MODEL
        await services.choices.ask(place, model)
        choice = await services.choices.choice(place, model, strategy=arguments.strategy, by_host=True)
    is_nobody = choice.is_nobody
    if arguments.explain:
        show(render(choice, place.config.settings.width), sys.stderr)
    elif is_nobody:
        sys.stderr.write(f"quota-sidecar: {answer(choice)}\n")
    if arguments.json:
        sys.stdout.write(as_json(report(choice)) + "\n")
    elif choice.decision.taken:
        sys.stdout.write(name(choice.decision.taken) + "\n")
    return NOBODY if is_nobody else 0
