"""At 300 % a common screen has 640 x 360 logical pixels: nothing may lie outside it, over something else, or out of reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LOOK = Path(__file__).with_name("small_screen.py")


def test_everything_can_be_seen_and_reached_at_300_percent(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(LOOK), str(tmp_path)],
        env={**os.environ, "QT_SCALE_FACTOR": "3"}, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["looked at everything"], done.stdout + done.stderr
