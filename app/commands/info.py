"""``info``: what is installed, what runs on what, and what the checkpoint says about itself."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from glsmamba.calibration import Calibration

__all__ = ["info", "self_test_report"]

_PACKAGES = (
    "torch", "numpy", "numba", "scipy", "opencv-python-headless", "av", "PySide6-Essentials", "pyqtgraph", "triton", "mamba-ssm"
)  # fmt: skip


def info(checkpoint: str | None = None) -> str:
    """Lines for people to read, and to paste into a report of a defect."""
    lines = [f"GLSMamba Studio {_version('glsmamba-studio')}"]
    lines += [f"Python {platform.python_version()} on {platform.platform()}", ""]
    lines += [f"  {package:24}{_version(package)}" for package in _PACKAGES]
    lines += ["", "Devices"]
    from glsmamba.devices import available_devices

    devices = available_devices()
    for device in devices:
        memory = f", {device.memory / 2**30:.1f} GiB" if device.memory else ""
        lines.append(f"  {device.name:24}{device.title}{memory}")
    lines += ["", "Selective scan"]
    from glsmamba.scan.selective import backend_report

    for device in devices:
        report = backend_report(device.name)
        lines.append(f"  {device.name:24}{report.name}: {report.reason}")
    lines += ["", "Checkpoint", *_checkpoint(checkpoint), "", "Person detector", *_detector()]
    return "\n".join(lines)


def self_test_report() -> tuple[str, bool]:
    """Try every kernel on every device against the float64 reference: lines for people, and whether all are sound.

    The verdicts are kept, so that the window and ``predict`` go by them.
    """
    from app.inference.self_test import keep_verdict
    from glsmamba.devices import available_devices
    from glsmamba.scan.deform import deform_backend
    from glsmamba.scan.selective import BACKENDS, backend_problem, backend_report
    from glsmamba.selftest import BACKWARD, FORWARD, self_test

    lines = [f"Kernels against the float64 reference; errors relative to the largest value, at most {FORWARD:.0e} forward and "
             f"{BACKWARD:.0e} in gradients; time at 8,640 tokens and 64 channels"]  # fmt: skip
    sound = True
    for device in available_devices():
        lines += ["", f"{device.name}: {device.title}"]
        for name in BACKENDS.get(device.name.split(":")[0], ()):
            if problem := backend_problem(name):
                lines.append(f"  {'scan':8}{name:14}not here: {problem}")
        checks = self_test(device.name)
        keep_verdict(device.name, checks)
        for check in checks:
            figures = f"forward {check.forward:.0e}  gradients {check.backward:.0e}  {check.ms:7.1f} ms"
            verdict = f"FAILED: {check.problem}" if check.problem else f"ok      {figures}"
            lines.append(f"  {check.part:8}{check.backend:14}{verdict}")
            sound = sound and not check.problem
        lines.append(f"  in use: scan {backend_report(device.name).name}, deform {deform_backend(device.name)}")
    lines += ["", "All kernels are sound." if sound else "A kernel failed: it is not used, the next one in the list is."]
    return "\n".join(lines), sound


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _checkpoint(path: str | None) -> list[str]:
    from app.weights.folder import resolved
    from app.weights.known import WeightsError
    from glsmamba.weight_file import CheckpointError, read_info

    try:
        facts = read_info(resolved(path))
    except (CheckpointError, WeightsError) as error:
        return [f"  {error}"]
    c = facts.config
    size = f"{c.input_size[0]}x{c.input_size[1]}"
    lines = [
        f"  {'file':24}{facts.path} ({facts.path.stat().st_size / 1e6:.1f} MB)",
        f"  {'preset':24}{c.preset}: {c.encoder}, crops {size}, {c.frames} frames, "
        f"{c.gsm_blocks} GSM and {c.lrm_blocks} LRM blocks, width {c.width}",
        f"  {'joints':24}{', '.join(facts.joints)}",
    ]
    if facts.vitpose is not None:
        lines[1] = f"  {'model':24}{c.preset}, {facts.vitpose.head} head, {facts.vitpose.depth} blocks, crops {size}"
        said = "single frame: predicts each frame by itself; neck and top of head are estimated from other joints"
        lines.insert(2, f"  {'baseline':24}{said}")
    lines.append(f"  {'calibration':24}{_calibration(facts.calibration)}")
    for key, value in facts.provenance.items():
        text = str(value)
        lines.append(f"  {key:24}{text if len(text) < 200 else text[:197] + '...'}")
    return lines


def _calibration(made: Calibration | None) -> str:
    if made is None:
        return "not calibrated: no probabilities, scores only"
    facts = made.measured
    held = f", on {facts['people']} people off by {facts['ece']:.3f} on average" if {"people", "ece"} <= facts.keys() else ""
    return f"probabilities that a joint is within 0.2 head sizes{held}"


def _detector() -> list[str]:
    from app.inference.detector import DETECTOR_WEIGHTS

    if not DETECTOR_WEIGHTS.is_file():
        return [f"  missing: {DETECTOR_WEIGHTS}"]
    return [f"  {'file':24}{Path(DETECTOR_WEIGHTS)} ({DETECTOR_WEIGHTS.stat().st_size / 1e6:.1f} MB), run by OpenCV on the CPU"]
