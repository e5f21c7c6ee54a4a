"""Part of the window: actions."""
