"""Part of the window: where its pieces lie and what is dropped on it or shown beside it."""
