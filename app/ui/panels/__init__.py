"""Part of the window: panels."""
