"""The three ways in which ViTPose's weights are named, and ours. Names only: nothing here touches a number.

Ours are those of :class:`glsmamba.modeling.vit.ViTPoseEncoder` (the official names without ``backbone.``) and ``final_layer``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["DIALECT_WORDS", "Dialect", "Recipe", "recipe"]

Dialect = Literal["official", "hugging-face", "mmpose"]

DIALECT_WORDS: dict[Dialect, str] = {"official": "official ViTPose", "hugging-face": "Hugging Face", "mmpose": "mmpose 1.x"}


@dataclass
class Recipe:
    """How our tensors are made from a file's.

    Attributes:
        dialect: whose names the file has.
        parts: our name -> the file's names whose tensors are joined along their first axis.
        experts: True for a mixture of experts (ViTPose+ and ++), of which COCO's is taken.
        class_token: the file has one.
        unused: names of the file that stand for nothing we need.
    """

    dialect: Dialect
    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    experts: bool = False
    class_token: bool = False
    unused: list[str] = field(default_factory=list)


# Prefixes and inner parts, in order: the first prefix that fits is replaced, then all inner parts.
_PREFIXES: dict[Dialect, tuple[tuple[str, str], ...]] = {
    "official": (
        ("backbone.", ""),
        ("keypoint_head.deconv_layers.", "deconv_layers."),
        ("keypoint_head.final_layer.", "final_layer."),
    ),
    "hugging-face": (
        ("backbone.embeddings.patch_embeddings.projection.", "patch_embed.proj."),
        ("backbone.embeddings.position_embeddings", "pos_embed"),
        ("backbone.embeddings.cls_token", "cls_token"),
        ("backbone.encoder.layer.", "blocks."),
        ("backbone.layernorm.", "last_norm."),
        ("head.deconv1.", "deconv_layers.0."),
        ("head.batchnorm1.", "deconv_layers.1."),
        ("head.deconv2.", "deconv_layers.3."),
        ("head.batchnorm2.", "deconv_layers.4."),
        ("head.conv.", "final_layer."),
    ),
    "mmpose": (
        ("backbone.patch_embed.projection.", "patch_embed.proj."),
        ("backbone.layers.", "blocks."),
        ("backbone.ln1.", "last_norm."),
        ("backbone.norm1.", "last_norm."),
        ("backbone.", ""),
        ("head.deconv_layers.", "deconv_layers."),
        ("head.final_layer.", "final_layer."),
    ),
}  # fmt: skip
_INNER: dict[Dialect, tuple[tuple[str, str], ...]] = {
    "official": (),
    "hugging-face": (
        (".layernorm_before.", ".norm1."), (".layernorm_after.", ".norm2."), (".attention.output.dense.", ".attn.proj."),
        (".attention.attention.", ".attn."),
    ),
    "mmpose": (
        (".ln1.", ".norm1."), (".ln2.", ".norm2."), (".ffn.layers.0.0.", ".mlp.fc1."), (".ffn.layers.1.", ".mlp.fc2."),
    ),
}  # fmt: skip
_WRAPPERS = ("module.", "model.", "_orig_mod.")
_EXPERT = re.compile(r"(.+\.mlp)\.experts\.(\d+)\.(weight|bias)")
_QKV = ("query", "key", "value")


def recipe(names: Iterable[str]) -> Recipe | None:
    """The recipe for a file with tensors of these names, None if they are not a ViTPose's."""
    bare = {_unwrapped(name): name for name in names}
    dialect = _dialect(set(bare))
    if dialect is None:
        return None
    made = Recipe(dialect)
    ours = {}
    for name, theirs in bare.items():
        renamed = _renamed(name, dialect)
        if renamed is None:
            made.unused.append(theirs)
        elif renamed == "cls_token":
            made.class_token = True
        else:
            ours[renamed] = theirs
    for name, theirs in ours.items():
        if name.endswith("num_batches_tracked"):
            continue  # only training looks at it
        if expert := _EXPERT.fullmatch(name):
            made.experts = True
            if expert[2] == "0":  # COCO's; the others belong to other data sets
                whole = f"{expert[1]}.fc2.{expert[3]}"
                made.parts[whole] = (ours.get(whole, theirs), theirs)
        elif ".attn.query." in name:
            made.parts[name.replace(".query.", ".qkv.")] = tuple(
                ours.get(name.replace(".query.", f".{part}."), f"{theirs} (its {part})") for part in _QKV
            )
        elif ".attn.key." not in name and ".attn.value." not in name:
            made.parts.setdefault(name, (theirs,))
    return made


def _unwrapped(name: str) -> str:
    for wrapper in _WRAPPERS:
        name = name.removeprefix(wrapper)
    return name


def _dialect(names: set[str]) -> Dialect | None:
    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in names)

    if has("backbone.encoder.layer.") and "backbone.embeddings.position_embeddings" in names:
        return "hugging-face"
    if has("backbone.layers.") and "backbone.pos_embed" in names:
        return "mmpose"
    if has("backbone.blocks.") and "backbone.pos_embed" in names:
        return "official"
    return None


def _renamed(name: str, dialect: Dialect) -> str | None:
    for theirs, ours in _PREFIXES[dialect]:
        if name.startswith(theirs):
            name = ours + name.removeprefix(theirs)
            break
    else:
        return None
    for theirs, ours in _INNER[dialect]:
        name = name.replace(theirs, ours)
    return name
