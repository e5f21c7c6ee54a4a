"""The ground floor: what a pose is, how files say it, and what picture frame n of a video is."""
