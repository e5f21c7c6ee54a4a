"""Token orders of the space-time paths and the selective scan with its backends."""
