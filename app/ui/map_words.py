"""Activation maps in words: names of blocks, paths and kinds, and the sentence that says what a map shows."""

from __future__ import annotations

from glsmamba.maps import ActivationMaps, Block, MapKind

__all__ = ["FACTORS", "PATHS", "QUANTITIES", "REDUCTIONS", "block_words", "path_words", "sentence", "title"]

#: Names of maps as people read them: (short, long).
PATHS = {
    "all": ("all paths", "the sum of all paths"),
    "nall": ("all, evenly", "the mean of all paths, each divided by its largest value first"),
    "unified": ("unified", "the unified scan: the frames side by side, row by row"),
    "unified_reverse": ("unified ←", "the unified scan, backwards"),
    "spatial": ("spatial", "the spatial scan: frame after frame"),
    "spatial_reverse": ("spatial ←", "the spatial scan, backwards"),
    "temporal": ("temporal", "the temporal scan: place after place, each through time"),
    "temporal_reverse": ("temporal ←", "the temporal scan, backwards"),
    "windowed": ("windowed", "the windowed scan: tube after tube"),
    "windowed_reverse": ("windowed ←", "the windowed scan, backwards"),
    "pair_unified": ("unified ↔", "the unified scan, both ways"),
    "pair_spatial": ("spatial ↔", "the spatial scan, both ways"),
    "pair_temporal": ("temporal ↔", "the temporal scan, both ways"),
    "pair_windowed": ("windowed ↔", "the windowed scan, both ways"),
}
_TRANSPOSED = ("unified ↓", "the second unified scan: the frames side by side, column by column")
QUANTITIES = {
    "row": "What the point gathered",
    "row_sum": "All: sum each gathers",
    "row_norm": "All: how strongly each gathers",
    "column_sum": "All: sum each gives",
    "column_norm": "All: how strongly each gives",
}
REDUCTIONS = {
    "absolute": "Magnitude",
    "weighted": "Magnitude × input",
    "l2": "L2 over channels",
    "signed": "Signed mean",
}
FACTORS = {
    "CwBdtw": "All (what the scan does)",
    "CwBw": "Without step size",
    "CBdt": "Without decay",
    "CB": "C · B alone",
    "ww": "Decay alone",
}
_KINDS = {"gsm": "GSM", "lrm": "LRM"}
_OF_ALL = {
    "row_sum": "The sum of what each cell gathered from all others",
    "row_norm": "How strongly each cell gathered from all others (exact L2 norm)",
    "column_sum": "The sum of what each cell gave to all others",
    "column_norm": "How strongly each cell gave to all others (exact L2 norm)",
}
_VALUES = {
    "absolute": "mean magnitude over the channels",
    "weighted": "mean magnitude times the length of the source's vector",
    "l2": "L2 norm over the channels",
    "signed": "signed mean over the channels",
}
_LEFT_OUT = {"CwBw": "the step size left out", "CBdt": "the decay left out", "CB": "C · B alone", "ww": "the decay alone"}


def block_words(block: Block) -> str:
    """"GSM 1"."""
    return f"{_KINDS[block[0]]} {block[1] + 1}"


def path_words(name: str, transposed: bool = False) -> tuple[str, str]:
    """Short and long name of a map; ``transposed``: the second unified scan runs down the columns."""
    return _TRANSPOSED if transposed and name == "unified_reverse" else PATHS[name]


def _subject(kind: MapKind, whose: str) -> str:
    return f"How much each cell of each frame brought to {whose}" if kind.quantity == "row" else _OF_ALL[kind.quantity]


def sentence(maps: ActivationMaps, path: str, whose: str, logarithmic: bool, transposed: bool = False) -> str:
    """One sentence of what a map shows, and one of how it is coloured.

    Args:
        maps: the maps.
        path: name of the map.
        whose: the query in words, "the left wrist (+)".
        logarithmic: whether colours go by powers of ten.
        transposed: the second unified scan runs down the columns.
    """
    kind = maps.kind
    values = _VALUES[kind.reduction] + (f", {_LEFT_OUT[kind.mode]}" if kind.mode in _LEFT_OUT else "")
    wide = "each cell is drawn three wide; " if logarithmic else ""
    what = f"{_subject(kind, whose)} in block {block_words(kind.block)}: {path_words(path, transposed)[1]}; {values}."
    if kind.has_signs:
        dark = "within a thousandth of nothing" if logarithmic else "nothing"
        return f"{what} Yellow adds, blue takes away, clear is {dark}; {wide}the scale is the same in all frames."
    dark = "a thousandth of it" if logarithmic else "least"
    return f"{what} Bright is most, dark {dark}; {wide}each map has its own scale, the same in all frames."


def title(maps: ActivationMaps, path: str, whose: str, transposed: bool = False) -> str:
    """What a map shows, for a legend or above a picture."""
    kind = maps.kind
    short = path_words(path, transposed)[1].removeprefix("the ").split(":")[0]
    return f"{_subject(kind, whose)}; {block_words(kind.block)}, {short}, {REDUCTIONS[kind.reduction].lower()}"
