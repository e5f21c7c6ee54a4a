"""Part of the window: threads."""
