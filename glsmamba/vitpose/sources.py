"""Files that hold ViTPose weights, whoever wrote them: names at once, tensors when asked for. Nothing in them is executed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from glsmamba.torch_file import Ignored, LazyTensor, TorchFile, TorchFileError, read_torch_file
from glsmamba.weight_file import CheckpointError

__all__ = ["Source", "opened"]

_CONFIG = "config.json"
#: In a folder, in this order: whole, in pieces, and as torch.save wrote it.
_FOLDER_FILES = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json")
#: Under which a file of torch.save keeps its weights; without one of these the file is the dictionary itself.
_TOP_KEYS = ("state_dict", "model", "module")


@dataclass
class Source:
    """An open file or folder.

    Attributes:
        path: as it was given.
        shapes: tensor name -> shape.
        config: content of ``config.json``, or empty.
        meta: what else the file says that is plain data, or empty.
    """

    path: Path
    shapes: dict[str, tuple[int, ...]]
    config: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    _read: dict[str, Any] = field(default_factory=dict)

    def tensor(self, name: str) -> Tensor:
        """One tensor, read now."""
        try:
            return self._read[name](name)
        except (SafetensorError, TorchFileError, OSError) as error:
            raise CheckpointError(f"{self.path.name} cannot be read ({error}); fetch or copy it again.") from error


@contextmanager
def opened(path: str | Path) -> Iterator[Source]:
    """Open a ``.safetensors`` file, a file of ``torch.save``, or a Hugging Face folder.

    Raises:
        CheckpointError: it is not there, of another kind, damaged or incomplete; one sentence.
    """
    path = Path(path)
    with ExitStack() as stack:
        if path.is_dir():
            yield _folder(path, stack)
        elif not path.is_file():
            raise CheckpointError(f"There is no file {path}; check the path.")
        else:
            yield _file(path, path, stack)


def _file(file: Path, said: Path, stack: ExitStack) -> Source:
    """One file; ``said`` is what messages call it."""
    try:
        with file.open("rb") as stream:
            start = stream.read(64)
    except OSError as error:
        raise CheckpointError(f"{file.name} cannot be read: {error.strerror}.") from error
    if start[8:9] == b"{":  # eight bytes of length, then JSON
        source = _safetensors(file, stack)
    elif start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        source = _torch(file, stack)
    elif start.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{file.name} is only a pointer to a Git LFS file; fetch the file itself, as by git lfs pull.")
    elif start.lstrip()[:1] == b"<":
        raise CheckpointError(f"{file.name} is a web page, not a file of weights; fetch the file itself.")
    else:
        raise CheckpointError(
            f"{file.name} is neither a safetensors file nor one of torch.save, or is cut short; choose a file of weights."
        )
    source.path = said
    config = file.parent / _CONFIG
    if not source.config and file.name in _FOLDER_FILES and config.is_file():
        source.config = _json(config)
    return source


def _folder(folder: Path, stack: ExitStack) -> Source:
    found = next((folder / name for name in _FOLDER_FILES if (folder / name).is_file()), None)
    if found is None:
        raise CheckpointError(f"{folder.name} holds no model.safetensors nor its index; choose a folder of Hugging Face's.")
    config = _json(folder / _CONFIG) if (folder / _CONFIG).is_file() else {}
    if found.suffix != ".json":
        source = _file(found, folder, stack)
    else:
        source = Source(folder, {})
        for name, wanted in _pieces(found).items():
            piece = folder / name
            if not piece.is_file():
                raise CheckpointError(f"{folder.name} lacks {name}, one of the pieces that {found.name} names; fetch it too.")
            part = _file(piece, folder, stack)
            lacking = [tensor for tensor in wanted if tensor not in part.shapes]
            if lacking:
                raise CheckpointError(f"{name} lacks {lacking[0]}, which {found.name} says it has; fetch the folder again.")
            source.shapes.update({tensor: part.shapes[tensor] for tensor in wanted})
            source._read.update({tensor: part._read[tensor] for tensor in wanted})
    source.config = config
    return source


def _pieces(index: Path) -> dict[str, list[str]]:
    """File name -> tensors in it. Names only, never paths: a folder leads to no file outside itself."""
    found: dict[str, list[str]] = {}
    places = _json(index).get("weight_map")
    if not isinstance(places, dict) or not places:
        raise CheckpointError(f"{index.name} has no weight_map; fetch the folder again.")
    for tensor, name in places.items():
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError(f"{index.name} names a file outside of its folder ({name!r}), which is not followed.")
        found.setdefault(name, []).append(str(tensor))
    return found


def _json(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file.name} beside the weights cannot be read ({error}); fetch it again.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{file.name} beside the weights is not a JSON object; fetch it again.")
    return content


def _safetensors(file: Path, stack: ExitStack) -> Source:
    try:
        reader = stack.enter_context(safe_open(file, framework="pt"))
        shapes = {name: tuple(reader.get_slice(name).get_shape()) for name in reader.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{file.name} is not a sound safetensors file ({error}); fetch or copy it again.") from error
    return Source(file, shapes, meta=reader.metadata() or {}, _read=dict.fromkeys(shapes, reader.get_tensor))


def _torch(file: Path, stack: ExitStack) -> Source:
    try:
        reader: TorchFile = stack.enter_context(read_torch_file(file))
    except TorchFileError as error:
        raise CheckpointError(f"{file.name} {error}.") from error
    except OSError as error:
        raise CheckpointError(f"{file.name} cannot be read: {error.strerror}.") from error
    weights: Mapping[Any, Any] = reader
    for key in _TOP_KEYS:
        if isinstance(inner := reader.get(key), dict):
            weights = inner
            break
        if isinstance(inner, Ignored):
            raise CheckpointError(f"{file.name} holds a whole program object, not its weights; save the model's state_dict.")
    lazy = {name: value for name, value in weights.items() if isinstance(name, str) and isinstance(value, LazyTensor)}
    meta = reader.get("meta")
    return Source(
        file, {name: value.shape for name, value in lazy.items()}, meta=meta if isinstance(meta, dict) else {},
        _read={name: (lambda _name, value=value: reader.tensor(value)) for name, value in lazy.items()},
    )  # fmt: skip
