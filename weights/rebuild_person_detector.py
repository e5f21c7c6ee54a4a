"""Rebuild ``person-detector.onnx`` from the npm package that ships CenterNet as a TensorFlow.js graph model.

Needs TensorFlow, so run it in an environment of its own, never in the program's:

    npm pack @vladmandic/human@3.3.6 && tar xzf vladmandic-human-3.3.6.tgz
    python3.11 -m venv rebuild && rebuild/bin/pip install tensorflow-cpu tf2onnx onnx
    rebuild/bin/python weights/rebuild_person_detector.py package/models/centernet.json weights/person-detector.onnx
    cp package/LICENSE weights/person-detector.LICENSE

A graph model is a TensorFlow GraphDef in JSON without its constants, which lie in a ``.bin`` beside it. This puts them back
(float16 on disk, float32 in the graph), undoes TensorFlow.js's own fused convolutions, and hands the graph to tf2onnx.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf2onnx
from google.protobuf import json_format

INPUTS = ["tower_0/images:0"]
OUTPUTS = ["tower_0/detections:0"]
FUSED = {"_FusedConv2D": "Conv2D", "FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}


def read_weights(model: dict, folder: Path) -> dict[str, np.ndarray]:
    """Constants by node name."""
    constants = {}
    for group in model["weightsManifest"]:
        data = b"".join((folder / name).read_bytes() for name in group["paths"])
        at = 0
        for weight in group["weights"]:
            stored = np.dtype(weight.get("quantization", {}).get("dtype", weight["dtype"]))
            count = int(np.prod(weight["shape"], dtype=np.int64))
            values = np.frombuffer(data, stored, count, at).reshape(weight["shape"])
            constants[weight["name"]] = values.astype(weight["dtype"])
            at += count * stored.itemsize
        if at != len(data):
            raise ValueError(f"{group['paths']}: {len(data) - at} bytes are left over; this is not the expected file.")
    return constants


def unfuse(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """Each fused convolution as convolution, bias and activation."""
    plain = tf.compat.v1.GraphDef()
    plain.versions.CopyFrom(graph.versions)
    for node in graph.node:
        if node.op not in FUSED:
            plain.node.add().CopyFrom(node)
            continue
        steps = [op.decode() for op in node.attr["fused_ops"].list.s]
        if not steps or steps[0] != "BiasAdd" or len(node.input) != 3:
            raise ValueError(f"{node.name}: cannot undo the fused operations {steps}.")
        names = [f"{node.name}/{step}" for step in ("Convolution", *steps)]
        names[-1] = node.name
        conv = plain.node.add(name=names[0], op=FUSED[node.op], input=node.input[:2])
        for key in ("T", "strides", "padding", "dilations", "data_format", "explicit_paddings"):
            if key in node.attr:
                conv.attr[key].CopyFrom(node.attr[key])
        for before, name, step in zip(names, names[1:], steps, strict=False):
            inputs = [before, node.input[2]] if step == "BiasAdd" else [before]
            plain.node.add(name=name, op=step, input=inputs).attr["T"].CopyFrom(node.attr["T"])
    return plain


def main(source: Path, target: Path) -> None:
    """Convert the graph model at ``source`` (a .json) to ``target`` (.onnx)."""
    model = json.loads(source.read_text())
    graph = json_format.ParseDict(model["modelTopology"], tf.compat.v1.GraphDef(), ignore_unknown_fields=True)
    constants = read_weights(model, source.parent)
    for node in graph.node:
        if node.op == "Const":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(constants[node.name]))
    tf2onnx.convert.from_graph_def(unfuse(graph), input_names=INPUTS, output_names=OUTPUTS, opset=13, output_path=str(target))
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
