"""Part of the window: timeline."""
