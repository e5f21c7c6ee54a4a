"""Part of the window: the transport bar and the timeline."""
