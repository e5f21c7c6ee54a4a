"""One variable of a MATLAB file. scipy reads them and is there anyway; h5py, for files newer than 2006, is not needed here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from glsmamba.data.sets.data_set import DataSetError

__all__ = ["variable"]


def variable(file: Path, name: str) -> np.ndarray:
    """The array called ``name``; :class:`DataSetError` where the file is damaged or has none."""
    try:
        return np.asarray(loadmat(file, variable_names=[name])[name])
    except (KeyError, ValueError, TypeError, NotImplementedError, OSError, MatReadError) as error:
        raise DataSetError(f"{file} has no {name} that can be read ({error}); get the file again.") from error
