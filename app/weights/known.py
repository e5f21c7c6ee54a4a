"""The table of weights that can be fetched: ``resources/weights.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["TABLE", "KnownFile", "KnownWeights", "WeightsError", "known_weights"]

TABLE = Path(__file__).resolve().parents[2] / "resources" / "weights.toml"


class WeightsError(RuntimeError):
    """Weights could not be had, kept or found; one sentence: what is wrong and what to do."""


@dataclass(frozen=True)
class KnownFile:
    """One file to fetch.

    Attributes:
        url: https, or http on this machine.
        size: bytes; None where unknown.
        sha256: hexadecimal, whole or its first digits; empty where unknown.
    """

    url: str
    size: int | None = None
    sha256: str = ""

    @property
    def name(self) -> str:
        """Last part of the address."""
        return Path(unquote(urlsplit(self.url).path)).name


@dataclass(frozen=True)
class KnownWeights:
    """Weights by their name in the table."""

    name: str
    title: str
    licence: str
    files: tuple[KnownFile, ...]

    @property
    def size(self) -> int | None:
        """Bytes of all files; None where one is unknown."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


def known_weights(table: Path = TABLE) -> dict[str, KnownWeights]:
    """The table, by name."""
    with table.open("rb") as file:
        content = tomllib.load(file)
    return {
        name: KnownWeights(name, entry["title"], entry["licence"], tuple(KnownFile(**file) for file in entry["files"]))
        for name, entry in content.items()
    }
