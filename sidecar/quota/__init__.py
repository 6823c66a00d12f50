"""From a gateway's reply to windows: the mapping language, its presets, and the arithmetic of windows."""
