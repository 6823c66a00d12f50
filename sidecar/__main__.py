"""Runs the terminal's commands: `python -m sidecar`."""

from sidecar.cli import main

main()
