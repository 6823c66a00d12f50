"""Decisions, as pure functions of data: no I/O, no clock, no logging, no await."""
