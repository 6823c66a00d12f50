"""When a window will be used up if it goes on like this: what its last readings say."""

Trail = tuple[tuple[float, float], ...]
"""Readings of one window in its present period, the oldest first: Unix seconds, and percent that were left."""
