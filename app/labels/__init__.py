"""What annotators make: tracks, poses, boxes, review state, provenance, and the project file."""
