"""Part of the window: dialogs."""
