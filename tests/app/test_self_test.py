"""The self-test of the kernels: a wrong one is found out, told of and not used; the verdict is kept until something changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import glsmamba.scan.numba_scan as numba_scan
from app.cli import main
from app.inference import self_test
from app.inference.loading import load_predictor
from glsmamba.scan import deform
from glsmamba.scan.refusals import forget
from glsmamba.scan.selective import backend_report, selective_scan


@pytest.fixture(autouse=True)
def fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No verdict from before, and none left behind."""
    monkeypatch.setattr(self_test, "_settled", {})
    forget("cpu")
    yield
    forget("cpu")


Break = Callable[[pytest.MonkeyPatch], None]


def wrong_output(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = numba_scan.scan_cpu
    monkeypatch.setattr(numba_scan, "scan_cpu", lambda *a: (sound(*a)[0] * 1.01, sound(*a)[1]))


def wrong_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = numba_scan.scan_cpu

    def scan(u: torch.Tensor, *rest: Any) -> Any:
        twisted = u * 1.02 + (u * -0.02).detach()  # the same value, another gradient
        return sound(twisted, *rest)

    monkeypatch.setattr(numba_scan, "scan_cpu", scan)


def not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = numba_scan.scan_cpu
    monkeypatch.setattr(numba_scan, "scan_cpu", lambda *a: (sound(*a)[0] * float("nan"), sound(*a)[1]))


def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(*_: Any) -> Any:
        raise RuntimeError("no kernel image is available for execution on the device")

    monkeypatch.setattr(numba_scan, "scan_cpu", scan)


def verdicts(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / "glsmamba-studio" / "self-test").glob("*.json"))


def test_sound_kernels_pass_once_and_are_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    self_test.settle_kernels("cpu")
    assert backend_report("cpu").name == "numba" and deform.deform_backend("cpu") == "numba"
    assert len(verdicts(tmp_path)) == 1
    monkeypatch.setattr("glsmamba.selftest.self_test", lambda *_a, **_k: pytest.fail("tried again"))
    self_test.settle_kernels("cpu")
    self_test._settled.clear()  # another start of the program
    self_test.settle_kernels("cpu")
    assert "notice" not in load_predictor("cpu").backends()


@pytest.mark.parametrize("broken", [wrong_gradient, not_a_number, failing])
def test_a_kernel_that_is_wrong_is_not_used_and_the_user_is_told(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    facts = load_predictor("cpu").backends()
    assert facts["scan"].startswith("torch") and "failed its self-test" in facts["scan"]
    assert "numba scan kernel" in facts["notice"] and facts["notice"].count(". ") == 0
    zeros = torch.zeros(1, 1, 4, 2)
    selective_scan(zeros[0], zeros, -torch.ones(1, 2, 2), zeros, zeros, None, None, torch.arange(4)[None])  # does not reach it


def test_the_verdict_outlives_the_process_but_not_a_new_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        wrong_output(patch)
        self_test.settle_kernels("cpu")
    assert backend_report("cpu").name == "torch"
    self_test._settled.clear()
    forget("cpu")  # another start, with the same kernels
    self_test.settle_kernels("cpu")
    assert backend_report("cpu").name == "torch"
    self_test._settled.clear()
    forget("cpu")
    monkeypatch.setattr("glsmamba.selftest._version", lambda package: "9.9")  # libraries were updated
    self_test.settle_kernels("cpu")
    assert backend_report("cpu").name == "numba" and len(verdicts(tmp_path)) == 2


def test_a_damaged_verdict_is_made_anew(tmp_path: Path) -> None:
    self_test.settle_kernels("cpu")
    (path,) = verdicts(tmp_path)
    path.write_text('{"failed": [{"part"', encoding="utf-8")
    self_test._settled.clear()
    self_test.settle_kernels("cpu")
    assert backend_report("cpu").name == "numba" and '"failed": []' in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("kernel", ["deform_cpu", "deform_added_cpu"])
def test_a_wrong_deformable_kernel_gives_way_to_grid_sample(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = getattr(deform, kernel)
    monkeypatch.setattr(deform, kernel, lambda *a: sound(*a) + 0.1)
    self_test.settle_kernels("cpu")
    assert deform.deform_backend("cpu") == "grid_sample" and backend_report("cpu").name == "numba"
    x, offset = torch.randn(1, 4, 5, 3), torch.zeros(1, 4, 5, 9, 2)
    centre = torch.zeros(3, 9)
    centre[:, 4] = 1
    torch.testing.assert_close(deform.deformable_depthwise(x, offset, torch.ones(1, 4, 5, 9), centre), x)


def test_the_command_prints_verdicts_and_its_exit_code_says_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glsmamba.selftest._milliseconds", lambda *_: 1.5)  # the slow part
    assert main(["info", "--self-test"]) == 0
    said = capsys.readouterr().out
    assert "All kernels are sound." in said and said.count("ok  ") == 4 and "1.5 ms" in said
    wrong_output(monkeypatch)
    assert main(["info", "--self-test"]) == 1
    said = capsys.readouterr().out
    assert "FAILED: its output is wrong by 1e-02" in said and "in use: scan torch" in said
