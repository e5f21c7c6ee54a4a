"""Part of the window: canvas."""
