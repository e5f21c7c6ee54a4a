"""Activation maps into files: a picture (PNG) of one map over its frames, or all maps as numbers (npz). No torch, no Qt."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from glsmamba.data.whole_file import whole_file
from glsmamba.map_pictures import strip
from glsmamba.maps import ActivationMaps

__all__ = ["save_maps"]


def save_maps(
    path: str | Path,
    maps: ActivationMaps,
    name: str = "all",
    *,
    frames: Sequence[int] | None = None,
    pictures: Sequence[np.ndarray] | None = None,
    title: str = "",
    colormap: str = "bids:magma",
    opacity: float = 0.8,
) -> None:
    """Write maps; the file appears whole or not at all.

    ``.png``: the map ``name`` as :func:`glsmamba.map_pictures.strip` draws it. ``.npz``: every map under its own name,
    (t, h, w) float32 and not normalised, with ``query`` (t, h, w) (empty for maps of all tokens), ``crop`` (2, 3) from frame
    pixels to cells, ``frames`` and ``pictures`` if given, and ``about``, a JSON text of what the maps are. Nothing in it is
    pickled.

    Args:
        path: ends in ``.png`` or ``.npz``.
        maps: what to write.
        name: the map that a picture shows.
        frames, pictures, title, colormap, opacity: as in ``strip``.

    Raises:
        ValueError: the name ends in something else, or there is no such map.
        OSError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() == ".png":
        sheet = strip(maps, name, frames, pictures, title, colormap, opacity)
        written = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))[1].tobytes()
    elif path.suffix.lower() == ".npz":
        arrays: dict[str, np.ndarray] = {
            **maps.maps,
            "query": np.array(maps.query if maps.query is not None else (), np.int64),
            "crop": maps.crop,
            "about": np.array(json.dumps({"title": title, **asdict(maps.kind)})),
        }
        if frames is not None:
            arrays["frames"] = np.asarray(frames, np.int64)
        if pictures is not None:
            arrays["pictures"] = np.stack(list(pictures))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)  # type: ignore[arg-type]
        written = buffer.getvalue()
    else:
        raise ValueError(f"{path.name} ends in neither .png nor .npz; a picture or numbers can be written.")
    with whole_file(path) as part:
        part.write_bytes(written)
