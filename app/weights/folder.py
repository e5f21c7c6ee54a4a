"""The user's weights folder, and which file a choice of weights means. Nothing here imports torch before it has to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from app.weights.known import WeightsError, known_weights
from glsmamba.weight_file import SHIPPED, CheckpointError, CheckpointInfo, read_info

__all__ = [
    "Listed", "default_weights", "found_weights", "import_weights", "listed", "partial_folder", "resolved", "said_of",
    "weights_folder",
]  # fmt: skip


def weights_folder() -> Path:
    """Where imported and fetched weights are kept."""
    return user_data_path("glsmamba-studio", appauthor=False) / "weights"


def found_weights() -> list[tuple[Path, CheckpointInfo | str]]:
    """Weights on this machine, the shipped ones first: path and what the file says of itself, or why it cannot be used."""
    folder = weights_folder()
    files = [SHIPPED, *sorted(folder.glob("*.safetensors"))] if folder.is_dir() else [SHIPPED]
    return [(file, said_of(file)) for file in files if file.is_file()]


def said_of(file: Path) -> CheckpointInfo | str:
    """What a file says of itself, or one sentence why it cannot be used."""
    try:
        return read_info(file)
    except (CheckpointError, OSError) as error:
        return str(error)


def default_weights() -> Path:
    """What predicts unless something is chosen: the shipped checkpoint; without it the newest of the weights folder.

    A GLSMamba checkpoint goes before a ViTPose, which is only the single-frame baseline. Where there is nothing, the shipped
    checkpoint's path, which then says that it is missing.
    """
    usable = [info for path, info in found_weights() if isinstance(info, CheckpointInfo) and path != SHIPPED]
    if SHIPPED.is_file() or not usable:
        return SHIPPED
    return max(usable, key=lambda info: (not info.single_frame, info.path.stat().st_mtime)).path


def resolved(choice: str | Path | None) -> Path:
    """The file that a choice means: a path, the name of weights in the weights folder, or by default what there is.

    Raises:
        WeightsError: there is no such file.
    """
    if choice is None or not str(choice):
        return default_weights()
    path = Path(choice).expanduser()
    if path.is_file():
        return path
    kept = weights_folder() / f"{choice}.safetensors"
    if path.name == str(choice) and kept.is_file():
        return kept
    if str(choice) in known_weights():
        raise WeightsError(f"{choice} is not on this machine yet; fetch it with `glsmamba-studio weights fetch {choice}`.")
    if path.is_dir():
        raise WeightsError(f"{path} is a folder; import it with `glsmamba-studio weights import {path}` and choose it by name.")
    raise WeightsError(f"There are no weights {choice}; `glsmamba-studio weights list` names those on this machine.")


@dataclass(frozen=True)
class Listed:
    """One line of ``weights list``. ``size`` is in bytes, None where unknown."""

    name: str
    what: str
    size: int | None
    licence: str
    state: str


def listed() -> list[Listed]:
    """Everything that is here or could be fetched."""
    known = known_weights()
    lines, here = [], set()
    for path, info in found_weights():
        name = path.stem
        here.add(name)
        if isinstance(info, str):
            lines.append(Listed(name, info, path.stat().st_size, "", "cannot be used"))
            continue
        licence = str(info.provenance.get("licence", "")) or (known[name].licence if name in known else "")
        what = info.name.rsplit(" (", 1)[0] + (f", {info.vitpose.head} head" if info.vitpose else "")
        improved = str(info.provenance.get("improved_on", ""))
        state = "shipped" if path == SHIPPED else f"improved on {improved}" if improved else "imported"
        lines.append(Listed(name, what, path.stat().st_size, licence or "not stated", state))
    for name, entry in known.items():
        if name not in here:
            begun = any(partial_folder(name).glob("*"))
            lines.append(Listed(name, entry.title, entry.size, entry.licence, "fetched in part" if begun else "can be fetched"))
    return lines


def partial_folder(name: str) -> Path:
    """Where files are kept while they are being fetched."""
    return weights_folder() / "partial" / name


def import_weights(source: str | Path, name: str = "", licence: str = "") -> tuple[Path, list[str]]:
    """Convert ViTPose weights into the weights folder; what is there by that name is replaced, whole or not at all.

    Args:
        source: file or Hugging Face folder.
        name: what they are called here; by default the source's name.
        licence: noted in the file.

    Returns:
        The new file, and sentences for the user.

    Raises:
        CheckpointError: the source cannot be read.
        WeightsError: the folder cannot be written.
    """
    from glsmamba.vitpose.importing import read_vitpose, save_vitpose

    source = Path(source).expanduser().absolute()
    weights = read_vitpose(source)
    if licence:
        weights.provenance["licence"] = licence
    folder = source if source.is_dir() else source.parent
    stem = name or (source.stem if source.is_file() and source.stem != "model" else folder.name)
    stem = re.sub(r"[^\w.+-]+", "-", stem).strip("-.") or "vitpose"
    target = weights_folder() / f"{stem}.safetensors"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        save_vitpose(weights, target)
    except OSError as error:
        raise WeightsError(f"{target} cannot be written: {error.strerror or error}.") from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise WeightsError(f"{target} cannot be written ({error}); is the disk full?") from error
    return target, weights.notes
