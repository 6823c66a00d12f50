"""Logging: one JSON object a line on stderr, and nothing in it that a local variable could leak."""

import sys
from contextlib import suppress

import structlog


class _Stderr:
    """Writes lines to stderr; when its reader is gone or its disk full, the work goes on without a log."""

    def msg(self, message: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(message + "\n")
            sys.stderr.flush()

    debug = info = warning = error = critical = msg


def log_mistake(what: str, error: Exception) -> None:
    """Log an exception of ours that ended *what*."""
    structlog.get_logger().error("mistake", what=what, exc_info=error)


def configure_logging(*, quiet: bool = False) -> None:
    """Set up structlog for a process whose stdout is not its own; *quiet* for one that a person started."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("error" if quiet else "info"),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(
                # Tracebacks without local variables: those hold keys.
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=lambda *_: _Stderr(),
        cache_logger_on_first_use=True,
    )
