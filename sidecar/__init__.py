"""The Python half of opencode-quota-sidecar: everything that is decided is decided here."""

__version__ = "0.1.0"
