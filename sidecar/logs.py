"""Logging: one JSON object a line on stderr, and nothing in it that a local variable could leak."""

import sys

import structlog


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
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
