"""Finding an action by a few letters of its name: where the letters lie in a text, and how well they fit.

Own code because the libraries at hand rank whole words by edit distance (rapidfuzz) or are kept no longer (pfzy): "spr" or
"gtf" are far from every title by that measure, and are what hands type.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Match", "Wanted", "best_match", "match", "ranked"]

#: Points of a letter; more where a word begins, and more where the letter before was taken too.
_LETTER, _BEGINS, _RUNS = 1, 8, 6
#: Points of a letter where the text begins.
_FIRST = 2
#: Points of a typed word that comes in the title after the one typed before it.
_ORDER = 4
#: Letters of one typed word that must lie so close that nobody calls it chance: at most so many times their number.
_LOOSEST = 6


@dataclass(frozen=True)
class Match:
    """How well letters fit a text, and where: indices into the text, rising."""

    score: int
    places: tuple[int, ...]


@dataclass(frozen=True)
class Wanted:
    """Something that can be found: by its title, less well by ``more`` texts; ``bonus`` points and ``late`` break ties."""

    title: str
    more: tuple[str, ...] = ()
    bonus: int = 0
    late: bool = False


def ranked(typed: str, among: Iterable[Wanted]) -> list[tuple[int, Match]]:
    """Indices of what fits, best first: by points, then what is not late, then the shorter title, then the earlier one."""
    fits = []
    for n, wanted in enumerate(among):
        if (found := best_match(typed, wanted.title, wanted.more)) is not None:
            fits.append((-found.score - wanted.bonus, wanted.late, len(wanted.title), n, found))
    fits.sort(key=lambda fit: fit[:4])
    return [(n, found) for *_, n, found in fits]


def match(typed: str, text: str) -> Match | None:
    """The best way to find ``typed``, letter by letter in order and with gaps, in ``text``; None where there is none.

    Case does not count. A letter scores more where a word begins or where it follows the one before without a gap. Time and
    memory are len(typed) * len(text).
    """
    typed, low = typed.lower(), text.lower()
    if not typed:
        return Match(0, ())
    if len(low) != len(text):  # a letter that grows in lower case would shift all places
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    n = len(low)
    worth = [
        _LETTER + (_BEGINS if i == 0 or not low[i - 1].isalnum() or (text[i].isupper() and not text[i - 1].isupper()) else 0)
        + (_FIRST if i == 0 else 0)
        for i in range(n)
    ]  # fmt: skip
    nothing = -1
    ends: list[int] = []  # best score of the letters so far with the last of them at place i
    back: list[list[int]] = []  # where the letter before lies then
    for k, letter in enumerate(typed):
        row, came = [nothing] * n, [nothing] * n
        best, best_at = nothing, nothing  # over all places before i
        for i in range(n):
            if low[i] == letter:
                if k == 0:
                    row[i] = worth[i]
                else:
                    if best >= 0:
                        row[i], came[i] = best + worth[i], best_at
                    if i and ends[i - 1] >= 0 and ends[i - 1] + worth[i] + _RUNS >= row[i]:
                        row[i], came[i] = ends[i - 1] + worth[i] + _RUNS, i - 1
            if k and ends[i] > best:
                best, best_at = ends[i], i
        ends = row
        back.append(came)
    score = max(ends, default=nothing)
    if score < 0:
        return None
    at = ends.index(score)
    places = [at]
    for came in reversed(back[1:]):
        at = came[at]
        places.append(at)
    return Match(score, tuple(reversed(places)))


def best_match(typed: str, title: str, more: tuple[str, ...] = ()) -> Match | None:
    """How well what was typed fits an action: every typed word must be found, in the title or in ``more``.

    Args:
        typed: words divided by spaces, in any order.
        title: what counts in full, and what :attr:`Match.places` point into.
        more: texts that count half and only where the word stands in them as typed, such as the menu's path and the keys.
    """
    score, places = 0, set[int]()
    for word in typed.split():
        found = _close(word, match(word, title))
        elsewhere = max((_whole(word, text) for text in more), default=-1)
        if found is None and elsewhere < 0:
            return None
        if found is not None and found.score >= elsewhere:
            score += found.score + (_ORDER if places and found.places[0] > max(places) else 0)
            places.update(found.places)
        else:
            score += elsewhere
    return Match(score, tuple(sorted(places)))


def _whole(word: str, text: str) -> int:
    """Half the points of a word that stands in a text without gaps, more where it begins one; -1 where it does not."""
    word, text = word.lower(), text.lower()
    at = text.find(word)
    if at < 0:
        return -1
    begins = at == 0 or not text[at - 1].isalnum() or f" {word}" in text
    return (len(word) * (_LETTER + _RUNS) + _BEGINS * begins) // 2


def _close(word: str, found: Match | None) -> Match | None:
    """The match, unless its letters are scattered so widely that it is chance."""
    if found is None or found.places[-1] - found.places[0] >= _LOOSEST * len(word):
        return None
    return found
