"""One coroutine for each thing that is asked of us: load, decide, save, tell."""
