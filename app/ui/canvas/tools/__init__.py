"""What the mouse does on the canvas: gestures between press and release, and tools that begin them, a file a kind of thing."""
