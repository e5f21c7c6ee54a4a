"""Files that ``torch.save`` wrote (``.pth``, ``.pt``, ``.bin``), read without running anything in them.

Such a file is a pickle, which is a small program: it names functions and calls them. The reader here knows four names by heart
(ordered dictionaries, tensors, parameters, storages) and has an inert stand-in for every other one, so that nothing a file
names is ever imported, made or called. What training programs leave beside the weights (configurations, logs, random states,
optimizers) becomes stand-ins and is of no harm; only the tensors that are asked for are read from the disk.

Why not ``torch.load(weights_only=True)``: it is as safe, but gives up at the first name it does not know, and checkpoints of
mmpose hold NumPy numbers, ``HistoryBuffer`` and ``getattr``; its list of exceptions is global to the process and cannot stand
in for subclasses of ``dict``.
"""

from __future__ import annotations

import pickle
import pickletools
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

__all__ = ["Ignored", "LazyTensor", "TorchFileError", "read_torch_file"]

_STORAGES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32, "ShortStorage": torch.int16,
    "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


class TorchFileError(ValueError):
    """The file cannot be read; one clause, to follow the file's name."""


class Ignored:
    """Stands for an object of the file that is not a tensor. Takes whatever the file does to it and does nothing."""

    __slots__ = ()

    def __new__(cls, *_args: object, **_more: object) -> Ignored:
        """Made of anything."""
        return object.__new__(cls)

    def __init__(self, *_args: object, **_more: object) -> None:
        pass

    def __setstate__(self, _state: object) -> None:
        pass

    def __setitem__(self, _key: object, _value: object) -> None:
        pass

    def __call__(self, *_args: object, **_more: object) -> Ignored:
        """Called as if it were a function."""
        return self

    def append(self, _item: object) -> None:
        """Forget it."""

    def extend(self, _items: object) -> None:
        """Forget them."""

    def add(self, _item: object) -> None:
        """Forget it."""


class _Fixed:
    """What the file may not change once it is made: its bounds have been checked."""

    __slots__ = ()

    def __setstate__(self, _state: object) -> None:
        raise pickle.UnpicklingError("it changes what may not be changed")


@dataclass(frozen=True, slots=True)
class _Storage(_Fixed):
    key: str
    dtype: torch.dtype
    numel: int
    start: int = 0
    __setstate__ = _Fixed.__setstate__


@dataclass(frozen=True, slots=True)
class LazyTensor(_Fixed):
    """A tensor that is still on the disk, inside the bounds of its data.

    Attributes:
        storage: where its numbers lie.
        offset, shape, stride: as in torch, in elements.
    """

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    __setstate__ = _Fixed.__setstate__

    @property
    def dtype(self) -> torch.dtype:
        """Type of its numbers."""
        return self.storage.dtype


@dataclass(frozen=True, slots=True)
class _Known(_Fixed):
    """A name that the reader knows. An object of its own and not a function: a file can set attributes of functions."""

    name: str
    __setstate__ = _Fixed.__setstate__

    def __call__(self, *args: Any) -> Any:
        match self.name:
            case "OrderedDict":
                return _Dict(*args)
            case "_rebuild_parameter":
                return args[0] if args else Ignored()
            case _:
                return _lazy(*args[:4])


@dataclass(frozen=True, slots=True)
class _Kind(_Fixed):
    """A storage type."""

    dtype: torch.dtype
    __setstate__ = _Fixed.__setstate__


class _Dict(dict[Any, Any]):
    """An OrderedDict of the file, without the attributes that such a one may carry."""

    __slots__ = ()

    def __setstate__(self, _state: object) -> None:
        pass


def _lazy(storage: Any = None, offset: Any = None, shape: Any = None, stride: Any = None) -> LazyTensor:
    if not (isinstance(storage, _Storage) and isinstance(shape, tuple) and isinstance(stride, tuple)):
        raise pickle.UnpicklingError("a tensor is not described as tensors are")
    numbers = (offset, *shape, *stride)
    if len(shape) != len(stride) or any(type(n) is not int or n < 0 for n in numbers):
        raise pickle.UnpicklingError("a tensor has an impossible shape")
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
    if 0 not in shape and last >= storage.numel:
        raise pickle.UnpicklingError("a tensor reaches beyond its data")
    return LazyTensor(storage, offset, shape, stride)


class _Reader(pickle.Unpickler):
    """An unpickler whose every name is one of :class:`_Known`, :class:`_Kind` and :class:`Ignored`."""

    def find_class(self, module: str, name: str) -> Any:
        """What stands for ``module.name``; nothing is imported and the interpreter's modules are not looked at."""
        if (module, name) == ("collections", "OrderedDict"):
            return _Known("OrderedDict")
        if module == "torch._utils" and name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"):
            return _Known(name)
        if module in ("torch", "torch.storage", "torch.cuda") and name in _STORAGES:
            return _Kind(_STORAGES[name])
        return Ignored

    def persistent_load(self, saved: Any) -> Any:
        """A storage by what the file says about it: ("storage", type, key, device, count[, view])."""
        if not (isinstance(saved, tuple) and len(saved) >= 5 and saved[0] in ("storage", b"storage")):
            raise pickle.UnpicklingError("it refers to something that is not a tensor's data")
        _, kind, key, _, numel, *view = saved
        if not isinstance(kind, _Kind):
            return Ignored()  # numbers of a kind that no weights are made of
        if not isinstance(numel, int) or numel < 0:
            raise pickle.UnpicklingError("a tensor's data has no size")
        start = 0
        if view and view[0] is not None:  # of files before 2018: part of a larger storage
            _, start, numel = view[0]
        return _Storage(str(key), kind.dtype, int(numel), int(start))


def _load(file: IO[bytes], reader: _Reader) -> Any:
    """What ``reader``, made of ``file``, makes of the pickle that begins here, if its steps are whole."""
    start = file.tell()
    # Sizes are checked against what there is: a byte array of impossible size makes CPython's unpickler free
    # memory that it has not set up yet, and for an object of impossible number it makes room for as many.
    for step, (code, argument, _) in enumerate(pickletools.genops(file)):
        if code.name in ("NEXT_BUFFER", "READONLY_BUFFER"):
            raise pickle.UnpicklingError("it wants data from outside the file")
        if code.name.endswith("PUT") and argument is not None and int(argument) > step:
            raise pickle.UnpicklingError("it numbers more objects than it has")
    file.seek(start)
    return reader.load()


class _Source:
    """Where the bytes of storages lie."""

    def bytes_of(self, storage: _Storage) -> bytes:
        raise NotImplementedError


def _size(storage: _Storage) -> int:
    """Bytes up to a storage's end."""
    return (storage.start + storage.numel) * storage.dtype.itemsize


class TorchFile(Mapping[str, Any]):
    """The top-level dictionary of a file. Use :func:`read_torch_file`, and close it or leave its ``with``.

    Values are numbers, strings, lists, dictionaries, :class:`LazyTensor` and :class:`Ignored`, nested as in the file.
    """

    def __init__(self, content: Mapping[str, Any], source: _Source, file: IO[bytes]) -> None:
        self._content, self._source, self._file = content, source, file

    def __getitem__(self, key: str) -> Any:
        return self._content[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)

    def __enter__(self) -> TorchFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def tensor(self, lazy: LazyTensor) -> Tensor:
        """Read a tensor from the disk: contiguous, on the CPU, its own memory."""
        storage = lazy.storage
        try:
            data = self._source.bytes_of(storage)
        except (OSError, zipfile.BadZipFile, KeyError, EOFError) as error:
            raise TorchFileError(f"lacks the data of a tensor ({error}); it is cut short or damaged") from error
        if len(data) < _size(storage):
            raise TorchFileError("lacks part of a tensor's data; it is cut short")
        if 0 in lazy.shape:
            return torch.empty(lazy.shape, dtype=storage.dtype)
        flat = torch.frombuffer(bytearray(data), dtype=storage.dtype)
        view = flat.as_strided(lazy.shape, lazy.stride, storage.start + lazy.offset)
        return view.clone(memory_format=torch.contiguous_format)


def read_torch_file(path: str | Path) -> TorchFile:
    """Open a file of ``torch.save``, of the zip format (since 2020) or the one before it.

    Raises:
        TorchFileError: another format, a damaged file, no dictionary inside; one clause to follow the file's name.
        OSError: the file cannot be opened.
    """
    file = Path(path).open("rb")  # noqa: SIM115  # closed by whoever closes the TorchFile
    try:
        start = file.read(4)
        file.seek(0)
        if start == b"PK\x03\x04":
            return _read_zip(file)
        if start[:1] != b"\x80":
            raise TorchFileError("is not a file of torch.save")
        return _read_legacy(file)
    except BaseException as error:
        file.close()
        if isinstance(error, OSError | TorchFileError) or not isinstance(error, Exception):
            raise
        # Whatever a damaged or malicious pickle makes of the unpickler: KeyError, TypeError, MemoryError, RecursionError ...
        raise TorchFileError(f"cannot be read as a file of torch.save ({_why(error)}); it is damaged") from error


def _why(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _dictionary(content: Any) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        what = "something that is not plain data" if isinstance(content, Ignored) else f"a {type(content).__name__}"
        raise TorchFileError(f"holds {what} instead of a dictionary of weights; save the model's state_dict")
    return content


class _Zip(_Source):
    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        self._archive, self._prefix = archive, prefix

    def bytes_of(self, storage: _Storage) -> bytes:
        with self._archive.open(f"{self._prefix}data/{storage.key}") as stream:
            return stream.read(_size(storage))  # no more than that: a zip archive can swell to a thousand times its size


def _read_zip(file: IO[bytes]) -> TorchFile:
    try:
        archive = zipfile.ZipFile(file)
    except zipfile.BadZipFile as error:
        raise TorchFileError("is cut short or damaged (its table of contents is missing)") from error
    names = archive.namelist()
    if any(name.endswith("constants.pkl") for name in names):
        raise TorchFileError("is a TorchScript program, which is not read; save the model's state_dict")
    prefix = next((name.removesuffix("data.pkl") for name in names if name.endswith("data.pkl")), None)
    if prefix is None:
        raise TorchFileError("is a zip archive but not of torch.save")
    if f"{prefix}byteorder" in names and archive.read(f"{prefix}byteorder") != sys.byteorder.encode():
        raise TorchFileError("was written on a machine of the other byte order, which is not read")
    with archive.open(f"{prefix}data.pkl") as stream:
        content = _dictionary(_load(stream, _Reader(stream)))
    return TorchFile(content, _Zip(archive, prefix), file)


class _Legacy(_Source):
    """Data in the order of a list of keys, each after its number of elements."""

    def __init__(self, file: IO[bytes], keys: list[str], storages: Mapping[str, _Storage]) -> None:
        self._file = file
        self._places: dict[str, tuple[int, int]] = {}
        for key in keys:
            count = int.from_bytes(file.read(8), sys.byteorder)
            storage = storages.get(key)
            if storage is None:
                raise TorchFileError("holds numbers of a kind that no weights are made of, or is damaged")
            size = count * storage.dtype.itemsize
            self._places[key] = (file.tell(), size)
            file.seek(size, 1)

    def bytes_of(self, storage: _Storage) -> bytes:
        start, size = self._places[storage.key]
        size = min(size, _size(storage))
        self._file.seek(start)
        return self._file.read(size)


class _Remembering(_Reader):
    """Also keeps which storages there are; those of unknown kind stand with their own size in bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self.storages: dict[str, _Storage] = {}

    def persistent_load(self, saved: Any) -> Any:
        """As above, remembered."""
        storage = super().persistent_load(saved)
        if isinstance(storage, _Storage):
            self.storages[storage.key] = storage
        return storage


def _read_legacy(file: IO[bytes]) -> TorchFile:
    if _load(file, _Reader(file)) != _LEGACY_MAGIC:
        raise TorchFileError("is a pickle but not of torch.save, and pickles are not run")
    if _load(file, _Reader(file)) != _LEGACY_PROTOCOL:
        raise TorchFileError("is of a version of torch.save that is not known")
    system = _load(file, _Reader(file))
    little = system.get("little_endian", True) if isinstance(system, dict) else True
    if little != (sys.byteorder == "little"):
        raise TorchFileError("was written on a machine of the other byte order, which is not read")
    reader = _Remembering(file)
    content = _dictionary(_load(file, reader))
    keys = _load(file, _Reader(file))
    if not isinstance(keys, list):
        raise TorchFileError("has no list of its tensors; it is damaged")
    return TorchFile(content, _Legacy(file, [str(key) for key in keys], reader.storages), file)
