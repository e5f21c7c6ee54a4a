"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from glsmamba.data.whole_file import whole_file


def test_a_file_takes_the_place_of_another_with_its_permissions_and_through_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "kept" / "real.txt", tmp_path / "link.txt"
    real.parent.mkdir()
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    with whole_file(link) as part:
        part.write_text("new")
        assert real.read_text() == "old"
    assert link.is_symlink() and real.read_text() == "new" and stat.S_IMODE(real.stat().st_mode) == 0o640
    assert os.listdir(real.parent) == ["real.txt"]
    with whole_file(tmp_path / "fresh.txt") as part:
        part.write_text("new")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "fresh.txt").stat().st_mode) == 0o666 & ~mask


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "table.csv"
    place.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(place) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    with pytest.raises(OSError, match="No space"), whole_file(place) as part:
        part.symlink_to("/dev/full")
        part.write_text("full")
    assert place.read_text() == "old" and os.listdir(tmp_path) == ["table.csv"]
    with pytest.raises(OSError), whole_file(tmp_path / "absent" / "table.csv") as part:
        part.write_text("nowhere")
