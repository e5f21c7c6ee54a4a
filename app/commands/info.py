"""``info``: what is installed, what runs on what, and what the checkpoint says about itself."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["info"]

_PACKAGES = ("torch", "numpy", "numba", "scipy", "opencv-python-headless", "av", "PySide6-Essentials", "pyqtgraph", "mamba-ssm")


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

    for kind in dict.fromkeys(device.name.split(":")[0] for device in devices):
        report = backend_report(kind)
        lines.append(f"  {kind:24}{report.name}: {report.reason}")
    lines += ["", "Checkpoint", *_checkpoint(checkpoint), "", "Person detector", *_detector()]
    return "\n".join(lines)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _checkpoint(path: str | None) -> list[str]:
    from glsmamba.checkpoint import SHIPPED, CheckpointError, read_info

    try:
        facts = read_info(path or SHIPPED)
    except CheckpointError as error:
        return [f"  {error}"]
    c = facts.config
    size = f"{c.input_size[0]}x{c.input_size[1]}"
    lines = [
        f"  {'file':24}{facts.path} ({facts.path.stat().st_size / 1e6:.1f} MB)",
        f"  {'preset':24}{c.preset}: {c.encoder}, crops {size}, {c.frames} frames, "
        f"{c.gsm_blocks} GSM and {c.lrm_blocks} LRM blocks, width {c.width}",
        f"  {'joints':24}{', '.join(facts.joints)}",
    ]
    for key, value in facts.provenance.items():
        text = str(value)
        lines.append(f"  {key:24}{text if len(text) < 200 else text[:197] + '...'}")
    return lines


def _detector() -> list[str]:
    from app.inference.detector import DETECTOR_WEIGHTS

    if not DETECTOR_WEIGHTS.is_file():
        return [f"  missing: {DETECTOR_WEIGHTS}"]
    return [f"  {'file':24}{Path(DETECTOR_WEIGHTS)} ({DETECTOR_WEIGHTS.stat().st_size / 1e6:.1f} MB), run by OpenCV on the CPU"]
