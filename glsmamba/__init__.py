"""GLSMamba: video-based human pose estimation with global and local Mamba blocks.

Importing this package imports neither torch nor Qt; ``glsmamba.Predictor`` is loaded on first use.
"""

from typing import Any

__version__ = "0.1.0"

__all__ = ["Predictor", "__version__"]


def __getattr__(name: str) -> Any:
    # The ground floor (glsmamba.data) must stay importable in a process that never loads torch.
    if name == "Predictor":
        from glsmamba.predictor import Predictor

        return Predictor
    raise AttributeError(f"module 'glsmamba' has no attribute {name!r}")
