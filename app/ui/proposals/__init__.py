"""Part of the window: changes over many frames that are shown before they are made."""
