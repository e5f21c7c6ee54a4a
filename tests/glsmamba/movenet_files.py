"""MoveNet files of random weights, as its authors publish them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def published(folder: Path, width: float, seed: int = 0) -> tuple[Path, dict[str, np.ndarray]]:
    """A file of random weights, named and laid out as the published ones (height, width, inputs, outputs; float16)."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {}
    rounded = {1.0: (32, 16, 24, 32, 64, 96, 160, 320), 1.75: (56, 32, 40, 56, 112, 168, 280, 560)}[width]
    root, net = "StatefulPartitionedCall/x/model_1/model", "StatefulPartitionedCall/x/model_1"
    shapes[f"{root}/Conv1/Conv2D_weights"], shapes[f"{root}/Conv1/Conv2D_bn_offset"] = (3, 3, 3, rounded[0]), (rounded[0],)
    inputs, block, at = rounded[0], 0, {}
    for stage, repeats in enumerate((1, 2, 3, 4, 3, 3, 1)):
        for _ in range(repeats):
            outputs, hidden = rounded[stage + 1], inputs * (6 if block else 1)
            name = f"{root}/block_{block}_" if block else f"{root}/expanded_conv_"
            if block:
                shapes[name + "expand/Conv2D_weights"] = (1, 1, inputs, hidden)
                shapes[name + "expand/Conv2D_bn_offset"] = (hidden,)
            shapes[name + "depthwise/depthwise_weights"] = (3, 3, hidden, 1)
            shapes[name + "depthwise/depthwise_bn_offset"] = (hidden,)
            shapes[name + "project/Conv2D_weights"] = (1, 1, hidden, outputs)
            shapes[name + "project/Conv2D_bn_offset"] = (outputs,)
            at[block], inputs, block = outputs, outputs, block + 1
    shapes[f"{root}/Conv_1/Conv2D_weights"], shapes[f"{root}/Conv_1/Conv2D_bn_offset"] = (1, 1, inputs, 1280), (1280,)
    laterals = {"conv2d": (1280, 64), "conv2d_1": (at[9], 64), "conv2d_2": (at[5], 32), "conv2d_3": (at[2], 24)}
    for name, (i, o) in laterals.items():
        shapes[f"{net}/{name}/Conv2D/ReadVariableOp"], shapes[f"{net}/{name}/BiasAdd/ReadVariableOp"] = (1, 1, i, o), (o,)
    for name, (i, o) in {"": (64, 32), "_1": (32, 24), "_2": (24, 24)}.items():
        shapes[f"{net}/separable_conv2d{name}/separable_conv2d/ReadVariableOp"] = (3, 3, i, 1)
        shapes[f"{net}/separable_conv2d{name}/separable_conv2d_weights"] = (1, 1, i, o)
        shapes[f"{net}/separable_conv2d{name}/separable_conv2d_bn_offset"] = (o,)
    for head, s, c, outputs in (("kpt_heatmap_0", 4, 5, 17), ("kpt_offset_0", 6, 7, 34), ("center_0", 3, 4, 1)):
        name = f"StatefulPartitionedCall/{head}"
        shapes[f"{name}/separable_conv2d_{s}/separable_conv2d/ReadVariableOp"] = (3, 3, 24, 1)
        shapes[f"{name}/separable_conv2d_{s}/separable_conv2d/ReadVariableOp_1"] = (1, 1, 24, 96)
        shapes[f"{name}/separable_conv2d_{s}/BiasAdd/ReadVariableOp"] = (96,)
        shapes[f"{name}/conv2d_{c}/Conv2D/ReadVariableOp"] = (1, 1, 96, outputs)
        shapes[f"{name}/conv2d_{c}/BiasAdd/ReadVariableOp"] = (outputs,)
    values, data, entries = {}, b"", []
    for name, shape in shapes.items():
        fan = int(np.prod(shape[:2])) if shape[-1] == 1 and len(shape) == 4 else int(np.prod(shape[:-1]))
        value = rng.normal(0, (2 / max(fan, 1)) ** 0.5 if len(shape) == 4 else 0.1, shape).astype("<f2")
        values[name] = value.astype(np.float32)
        data += value.tobytes()
        entries.append({"name": name, "shape": list(shape), "dtype": "float32", "quantization": {"dtype": "float16"}})
    (folder / "movenet.bin").write_bytes(data)
    path = folder / "movenet.json"
    path.write_text(json.dumps({"weightsManifest": [{"paths": ["movenet.bin"], "weights": entries}]}))
    return path, values
