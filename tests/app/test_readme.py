"""What the README promises is so: its keys are the program's keys, its commands exist, its pictures and links are there."""

from __future__ import annotations

import re

from conftest import ROOT

from app.cli import _parser
from app.ui.actions.keymap import DEFAULT_KEYMAP, load_keymap

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_table_of_keys_is_the_default_key_map() -> None:
    section = TEXT.split("\n## Keys\n")[1].split("\n## ")[0]
    told = set(re.findall(r"`` (`) ``|`([^`\n]+)`", section))
    keys = {first or second for first, second in told}
    ranges = (("", 10), ("Ctrl+", 10), ("Alt+", 5))  # written as ranges
    keys |= {f"{held}{n}" for held, stop in ranges for n in range(1, stop)}
    real = {key for keys_of_one in load_keymap(DEFAULT_KEYMAP).values() for key in keys_of_one}
    arrows = {f"{held}{arrow}" for held in ("", "Shift+", "Alt+") for arrow in ("Left", "Right", "Up", "Down")}
    assert keys - real == set()
    assert real - keys - arrows == set()


def test_the_commands_exist() -> None:
    named = set(re.findall(r"^\| `([a-z]+)", TEXT, re.MULTILINE)) | {"train", "evaluate"}
    choices = next(action.choices for action in _parser()._actions if action.choices and "open" in action.choices)
    assert named == set(choices)


def test_links_and_pictures_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert target.startswith("https://") or (ROOT / target).exists(), target
