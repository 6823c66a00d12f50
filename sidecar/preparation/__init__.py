"""The environment that an installed plugin starts the sidecar from: made once, swapped, removed.

It runs straight out of the wheel, before anything is installed: it imports nothing but Python's own library
and, of ours, what does the same.
"""
