"""``train``: a model from a TOML file, also from the program's own projects and from weights by their names."""

from __future__ import annotations

from app.commands.data_sets import open_data
from app.weights.folder import resolved

__all__ = ["check_data", "train_model"]


def train_model(config: str, resume: bool = True, devices: int | None = None, accelerator: str = "auto") -> None:
    """Train, and say where the run stands then. Arguments as :func:`glsmamba.training.run.train`."""
    from glsmamba.training.run import train

    train(config, resume, None, devices, accelerator, open_data, resolved)


def check_data(config: str) -> str:
    """What the data sets of a configuration hold.

    Raises:
        DataSetError: some, or the weights to start from, are missing; it names each.
    """
    from glsmamba.training.run import told_data

    return told_data(config, None, open_data, resolved)
