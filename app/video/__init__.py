"""What surrounds the exact video reader: cache, prefetch and thumbnails."""
