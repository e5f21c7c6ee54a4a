"""Files of torch.save are read without running anything in them."""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glsmamba.torch_file import Ignored, LazyTensor, TorchFileError, read_torch_file


class Settings(dict):
    """A foreign class such as mmengine's ConfigDict: a dict with attributes."""


class HistoryBuffer:
    """A foreign class that holds NumPy arrays and a bound method."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1
        self.history, self.last = np.arange(5.0), np.float64(3)
        self.statistic = self.mean

    def mean(self) -> float:
        return float(self.history.mean())

    def __setstate__(self, state: dict) -> None:
        raise AssertionError("a foreign object was rebuilt")


def tensors() -> dict[str, torch.Tensor]:
    long = torch.arange(100.0)
    state = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).state_dict()  # with its _metadata
    state.update(
        cut=long[10:40:3], turned=torch.arange(6).view(2, 3).t(), number=torch.tensor(3.5), half=torch.randn(3).half(),
        brain=torch.randn(3).bfloat16(), parameter=torch.nn.Parameter(torch.ones(2)), empty=torch.empty(0, 3),
    )  # fmt: skip
    return state


def training_checkpoint(state: dict[str, torch.Tensor]) -> dict:
    """What training programs leave in a checkpoint beside the weights."""
    settings_ = Settings(model={"type": "TopdownPoseEstimator"})
    settings_.filename = "td-hm_ViTPose-small.py"  # type: ignore[attr-defined]
    return {
        "state_dict": state,
        "meta": {"cfg": settings_, "epoch": 210, "loss": np.float32(0.1), "sigmas": np.full(17, 0.05), "seed": 2**70},
        "message_hub": {"log_scalars": collections.OrderedDict(loss=HistoryBuffer()), "tags": {1, 2}},
        "hooks": collections.defaultdict(list, {1: [2]}),
        "optimizer": {"state": {0: {"exp_avg": torch.randn(4)}}, "rng": np.random.get_state()},
        "kind": HistoryBuffer,
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_tensors_are_those_that_were_saved(tmp_path: Path, zipped: bool, protocol: int) -> None:
    state = tensors()
    file = tmp_path / "x.pth"
    torch.save(training_checkpoint(state), file, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    made = HistoryBuffer.made
    with read_torch_file(file) as content:
        assert content["meta"]["epoch"] == 210 and content["meta"]["seed"] == 2**70
        assert isinstance(content["meta"]["cfg"], Ignored) and isinstance(content["meta"]["sigmas"], Ignored)
        assert set(content["state_dict"]) == set(state)
        for name, value in state.items():
            read = content.tensor(content["state_dict"][name])
            assert read.dtype == value.dtype and torch.equal(read, value.data), name
    assert HistoryBuffer.made == made


def test_the_same_as_torchs_careful_reader_where_that_one_reads(tmp_path: Path) -> None:
    for zipped in (True, False):
        torch.save(tensors(), tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
        theirs = torch.load(tmp_path / "x.pth", weights_only=True)
        with read_torch_file(tmp_path / "x.pth") as ours:
            for name, value in theirs.items():
                assert torch.equal(ours.tensor(ours[name]), value.data)


class Calls:
    """Pickled as a call."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


def pickles(trap: Path) -> dict[str, bytes]:
    """Pickles that make the file ``trap`` when they are run."""
    touch = f"touch {trap}"
    code = f"open({str(trap)!r}, 'w').close()"
    made = {
        f"{name}, protocol {protocol}": pickle.dumps({"state_dict": {"w": Calls(function, *arguments)}}, protocol)
        for protocol in range(6)
        for name, function, arguments in (
            ("system", os.system, (touch,)),
            ("popen", subprocess.Popen, (["touch", str(trap)],)),
            ("exec", exec, (code,)),
            ("eval", eval, (f"__import__('os').system({touch!r})",)),
            ("open", open, (str(trap), "w")),
        )
    }
    # A chain: getattr(__import__('os'), 'system')(touch), by hand.
    made["chain"] = (
        b"\x80\x02}X\x01\x00\x00\x00wcbuiltins\ngetattr\n(cbuiltins\n__import__\nX\x02\x00\x00\x00os\x85RX\x06\x00\x00\x00systemtR"
        + b"X" + struct.pack("<I", len(touch)) + touch.encode() + b"\x85Rs."
    )  # fmt: skip
    made["inst"] = b"\x80\x02}X\x01\x00\x00\x00w(X" + struct.pack("<I", len(touch)) + touch.encode() + b"iposix\nsystem\ns."
    # The reader's own stand-ins are asked to become something else.
    for name in ("collections\nOrderedDict", "torch._utils\n_rebuild_tensor_v2", "torch\nFloatStorage", "os\nsystem"):
        made[f"build {name}"] = b"\x80\x02c" + name.encode() + b"\n}X\x08\x00\x00\x00__call__cos\nsystem\nsb."
        made[f"slots {name}"] = b"\x80\x02c" + name.encode() + b"\nN}X\x08\x00\x00\x00__call__cos\nsystem\ns\x86b."
    return made


def written(path: Path, content: bytes, zipped: bool) -> Path:
    """A pickle inside a file of torch.save."""
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/version", "3\n")
    else:
        system = {"little_endian": sys.byteorder == "little"}
        head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
        path.write_bytes(b"".join(head) + content + pickle.dumps([], 2))
    return path


@pytest.mark.parametrize("zipped", [True, False])
def test_nothing_in_a_file_runs(tmp_path: Path, zipped: bool) -> None:
    trap = tmp_path / "it-ran"
    made = pickles(trap)
    sure = ("system", "exec", "eval", "open", "chain", "inst")
    armed = {name: content for name, content in made.items() if name.startswith(sure)}
    for name, content in armed.items():  # the traps work
        pickle.loads(content)
        assert trap.exists(), name
        trap.unlink()
    for name, content in made.items():
        file = written(tmp_path / "evil.pth", content, zipped)
        try:
            with read_torch_file(file) as read:
                assert not isinstance(read.get("w"), LazyTensor)
        except TorchFileError as error:
            assert len(str(error)) > 20
        assert not trap.exists(), name
    plain = tmp_path / "plain.pth"
    plain.write_bytes(next(iter(made.values())))
    with pytest.raises(TorchFileError):
        read_torch_file(plain)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("storage", "offset", "shape", "stride"),
    [(4, 0, (5,), (1,)), (4, 3, (2,), (1,)), (4, 0, (2, 2), (3, 1)), (4, -1, (1,), (1,)), (4, 0, (-2,), (1,)),
     (4, 0, (2,), (1, 1)), (4, 0, (2,), (-1,)), (4, True, (2,), (1,)), (4, 0, (2.0,), (1,))],
)  # fmt: skip
def test_a_tensor_may_not_reach_beyond_its_data(
    tmp_path: Path, storage: int, offset: object, shape: object, stride: object
) -> None:
    class Tensor:
        def __reduce__(self) -> tuple:
            return torch._utils._rebuild_tensor_v2, (Data(), offset, shape, stride, False, collections.OrderedDict())

    class Data:
        pass

    class Pickler(pickle.Pickler):
        def persistent_id(self, thing: object) -> object:
            return ("storage", torch.FloatStorage, "0", "cpu", storage) if isinstance(thing, Data) else None

    stream = io.BytesIO()
    Pickler(stream, 2).dump({"w": Tensor()})
    file = written(tmp_path / "x.pth", stream.getvalue(), zipped=True)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("archive/data/0", b"\0" * 4 * storage)
    with pytest.raises(TorchFileError, match="tensor"):
        read_torch_file(file)


def test_files_that_are_something_else_or_damaged(tmp_path: Path) -> None:
    whole = tmp_path / "x.pth"
    torch.save({"w": torch.arange(1000.0)}, whole)
    cut = tmp_path / "cut.pth"
    cut.write_bytes(whole.read_bytes()[:2000])
    legacy = tmp_path / "legacy.pth"
    torch.save({"w": torch.arange(1000.0)}, legacy, _use_new_zipfile_serialization=False)
    short = tmp_path / "short.pth"
    short.write_bytes(legacy.read_bytes()[:-100])
    with read_torch_file(short) as content, pytest.raises(TorchFileError, match="cut short"):
        content.tensor(content["w"])
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:  # the parts by which a TorchScript program is known
        archive.writestr("script/data.pkl", pickle.dumps({}, 2))
        archive.writestr("script/constants.pkl", pickle.dumps((), 2))
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save(HistoryBuffer(), tmp_path / "object.pth")
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("readme", "hello")
    (tmp_path / "text.pth").write_text("hello")
    for name, said in (
        ("cut", "table of contents"), ("script.pt", "TorchScript"), ("list", "a list"), ("object", "not plain data"),
        ("zip", "not of torch.save"), ("text", "not a file of torch.save"),
    ):  # fmt: skip
        with pytest.raises(TorchFileError, match=said):
            read_torch_file(tmp_path / (name if "." in name else f"{name}.pth"))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("step", [b"\x96" + b"\x7f" * 8, b"r" + b"\xff" * 4, b"p4000000000\n", b"\x97", b"\x98"])
def test_steps_that_would_shake_the_unpickler_are_refused(tmp_path: Path, step: bytes, zipped: bool) -> None:
    file = written(tmp_path / "x.pth", b"\x80\x02}" + step + b".", zipped)
    with pytest.raises(TorchFileError, match="damaged"):
        read_torch_file(file)


@settings(max_examples=150, deadline=None)
@given(st.data(), st.booleans())
def test_damage_anywhere_is_said_in_a_clause(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, zipped: bool
) -> None:
    content = bytearray(pickle.dumps({"state_dict": collections.OrderedDict(a=HistoryBuffer), "n": [1, 2.5, "x" * 20]}, 2))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = written(tmp_path_factory.getbasetemp() / "damaged.pth", bytes(content), zipped)
    try:
        with read_torch_file(file) as read:
            assert isinstance(len(read), int)
    except TorchFileError as error:
        assert str(error)
