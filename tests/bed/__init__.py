"""The test bed: loopback gateways, the real OpenCode in a home of its own, and a picture of its screen.

Nothing here knows what the sidecar decides. Tests, the demo and the benchmarks stand on it; it stands on
the standard library, httpx and pyte alone.
"""
