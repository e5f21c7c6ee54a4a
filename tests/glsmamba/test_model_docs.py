"""The numbers in docs/model.md are those of the code."""

from __future__ import annotations

import pytest
from conftest import ROOT

from glsmamba.config import PRESETS
from glsmamba.modeling.budget import Budget, budget
from glsmamba.variants import VARIANTS

TEXT = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
PARTS = {"encoder": "encoder", "embedding": "embed", "GSM blocks": "gsm", "LRM blocks": "lrm", "head": "head"}


def table(header: str, after: str = "") -> dict[str, list[str]]:
    """First cell -> the other cells, of the first table after ``after`` whose first line is ``header``."""
    lines = TEXT.split(after, 1)[1].split(header, 1)[1].splitlines()[2:] if after else TEXT.split(header, 1)[1].splitlines()[2:]
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        first, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[first] = cells
    return rows


@pytest.fixture(scope="module")
def budgets() -> list[Budget]:
    return [budget(PRESETS[name]) for name in "BHT"]


def test_the_presets_are_what_the_table_says() -> None:
    rows = table("| | B | H | T |")
    for column, config in enumerate(PRESETS[name] for name in "BHT"):
        told = {name: cells[column] for name, cells in rows.items()}
        assert told["crop H × W"] == "{} × {}".format(*config.input_size)
        assert told["grid h × w"] == "{} × {}".format(*config.grid)
        assert told["tokens of a window"] == f"{config.tokens:,}"
        assert told["encoder channels c"] == str(config.encoder_channels)
        assert told["width D, inner I"] == f"{config.width}, {config.inner}"
        assert told["states N, rank R"] == f"{config.d_state}, {config.rank}"
        assert told["GSM, LRM blocks"] == f"{config.gsm_blocks}, {config.lrm_blocks}"
        assert told["FFN ratio"] == f"{config.ffn_ratio:g}" and told["target's σ, cells"] == f"{config.sigma:g}"


def test_parameters_and_operations_are_what_the_tables_say(budgets: list[Budget]) -> None:
    parameters = table("| part | B | H | T |")
    operations = table("| part | B | H | T |", after="Multiply-adds of one window")
    for column, counted in enumerate(budgets):
        for row, part in PARTS.items():
            assert parameters[row][column] == f"{counted.by_part[part] / 1e6:.3f}"
            assert operations[row][column] == f"{counted.gflops_by_part[part]:.2f}"
        assert parameters["all but the encoder"][column] == f"{counted.parameters / 1e6:.3f}"
        assert operations["all"][column] == f"{counted.gflops:.2f}"


def test_variants_of_b_are_what_the_table_says() -> None:
    rows = table("| variant of B |")
    assert [name.strip("`") for name in rows] == list(VARIANTS)
    for name, variant in VARIANTS.items():
        config = variant.of(PRESETS["B"])
        counted, paper = budget(config), variant.paper
        published = [paper.parameters_m, paper.gflops, paper.map17]
        ours = [variant.whose, f"{config.tokens:,}", f"{counted.parameters / 1e6:.2f}", f"{counted.gflops:.1f}"]
        assert rows[f"`{name}`"] == ours + ["–" if value is None else f"{value:g}" for value in published]


def test_shapes_of_the_scan_are_what_the_table_says() -> None:
    from glsmamba.modeling.s6 import S6Paths

    modules = [S6Paths(PRESETS[name], 6) for name in "BT"]
    for name, cells in table("| tensor | shape | B | T |").items():
        for module, cell in zip(modules, cells[1:], strict=True):
            for parameter in {"x_proj", "dt_proj", "dt_bias", "D", "A_log"} & set(
                name.replace("`", " ").replace(",", " ").split()
            ):
                assert str(tuple(getattr(module, parameter).shape)) == cell, parameter
