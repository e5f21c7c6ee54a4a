"""What the engine says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["EngineStatus", "State"]

State = Literal["off", "starting", "running", "paused", "done", "failed"]

_WORDS: dict[State, str] = {
    "off": "Not predicting",
    "starting": "Loading the model…",
    "running": "Predicting",
    "paused": "Paused",
    "done": "All frames predicted",
    "failed": "Predicting stopped",
}


@dataclass(frozen=True)
class EngineStatus:
    """A snapshot of the engine. Immutable; sent on each change.

    Attributes:
        state: ``off`` was cancelled or never started, ``starting`` loads the model, ``done`` has nothing left to do, ``failed``
            stopped because of an error that ``message`` names.
        frame: frame at work or finished last, None before the first.
        done: frames predicted so far, of ``total``.
        total: frames to predict.
        windows_per_s: persons (windows of frames) predicted a second while the model was at work; 0 while unknown.
        frames_per_s: frames finished a second; 0 while unknown.
        eta_s: seconds left; None while unknown.
        device: device in the model's words ("CPU").
        backend: kernel that scans and why.
        model: name of the checkpoint.
        message: one sentence where there is something to say.
    """

    state: State = "off"
    frame: int | None = None
    done: int = 0
    total: int = 0
    windows_per_s: float = 0.0
    frames_per_s: float = 0.0
    eta_s: float | None = None
    device: str = ""
    backend: str = ""
    model: str = ""
    message: str = ""

    @property
    def fraction(self) -> float:
        """Part done, 0 to 1."""
        return self.done / self.total if self.total else 0.0

    @property
    def text(self) -> str:
        """One line for a status bar."""
        if self.state in ("failed", "done") and self.message:
            return self.message
        if self.state not in ("running", "paused"):
            return _WORDS[self.state]
        parts = [f"{_WORDS[self.state]}: {self.done} of {self.total} frames"]
        if self.state == "running" and self.frames_per_s:
            parts.append(f"{self.frames_per_s:.1f} frames/s")
        if self.state == "running" and self.eta_s is not None:
            parts.append(f"{duration(self.eta_s)} left")
        return " · ".join(parts)

    @property
    def details(self) -> str:
        """Several lines for a tool tip."""
        lines = [f"Model: {self.model}", f"Device: {self.device}", f"Scan: {self.backend}"] if self.model else []
        if self.windows_per_s:
            lines.append(f"{self.windows_per_s:.1f} persons/s")
        if self.message:
            lines.append(self.message)
        return "\n".join(lines)


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
