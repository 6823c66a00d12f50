"""Tests of the two halves, alone and together in the real OpenCode."""
