"""``weights``: which there are, import from files of others, fetch by name."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tqdm import tqdm

from app.weights.fetch import fetch
from app.weights.folder import import_weights, listed, partial_folder, weights_folder
from app.weights.known import TABLE, WeightsError, known_weights

__all__ = ["fetch_weights", "import_file", "list_weights"]


def list_weights() -> str:
    """A table for people: name, what it is, size, licence, state."""
    rows = [("NAME", "WHAT", "SIZE", "LICENCE", "STATE")]
    for line in listed():
        size = "unknown" if line.size is None else f"{line.size / 1e6:.1f} MB"
        rows.append((line.name, line.what, size, line.licence, line.state))
    widths = [max(len(row[n]) for row in rows) for n in range(4)]
    text = [("  ".join([*(row[n].ljust(widths[n]) for n in range(4)), row[4]])).rstrip() for row in rows]
    return "\n".join([*text, "", f"Imported weights are kept in {weights_folder()}."])


def import_file(source: Path, name: str = "") -> Path:
    """Import weights, print what there is to say, and return the new file."""
    target, notes = import_weights(source, name)
    for note in notes:
        print(note, file=sys.stderr)
    _told(target)
    return target


def fetch_weights(name: str, table: Path = TABLE) -> Path:
    """Fetch weights of the table with a bar, check them as far as the table says how, and import them."""
    known = known_weights(table)
    if name not in known:
        raise WeightsError(f"{name} is not among the weights that can be fetched: {', '.join(known)}.")
    entry = known[name]
    folder = partial_folder(name)
    for file in entry.files:
        if not (folder / file.name).is_file():
            with tqdm(desc=file.name[-40:], unit="B", unit_scale=True, unit_divisor=1000, total=file.size) as bar:

                def tell(have: int, size: int | None, bar: tqdm = bar) -> None:
                    bar.total = size
                    bar.update(have - bar.n)

                fetch(file, folder / file.name, tell)
        if len(file.sha256) < 64:
            digits = f"only the first {len(file.sha256)} digits of its SHA-256 are known, and they agree"
            print(f"{file.name}: {digits if file.sha256 else 'no SHA-256 is known to check it by'}.", file=sys.stderr)
    weights = [file.name for file in entry.files if not file.name.endswith(".json")]
    target, notes = import_weights(folder / weights[0] if len(weights) == 1 else folder, name, entry.licence)
    shutil.rmtree(folder, ignore_errors=True)
    for note in notes:
        print(note, file=sys.stderr)
    _told(target)
    return target


def _told(target: Path) -> None:
    print(
        f"Use it with `glsmamba-studio predict VIDEO --out DIR --checkpoint {target.stem}`, or choose it in the window: "
        "Model > Model…",
        file=sys.stderr,
    )
