"""The pictures of the command palette, the shortcut sheet and the keys dialog: a part of make_screenshots.py."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["key_pictures"]

_SIZE = (1180, 760)


def key_pictures() -> dict[str, tuple[str, float, tuple[int, int], Callable[..., object]]]:
    """name -> (theme, scale, window size, what to do before the picture is taken; it returns the widget to picture)."""
    made: dict[str, tuple[str, float, tuple[int, int], Callable[..., object]]] = {}
    for what, work in (("palette", _palette), ("keys", _sheet), ("keys-dialog", _dialog)):
        for scheme in ("light", "dark"):
            for scale in (1, 2):
                name = "-".join((what, *([scheme] if scheme == "dark" else []), *(["200-percent"] if scale == 2 else [])))
                made[name] = (scheme, scale, _SIZE, work)
    return made


def _largest(window):
    """Select the person with the largest box, so that some actions can be used and others can't."""
    poses = window.session.poses(window.session.frame)
    window.session.select(max(poses, key=lambda track: poses[track].box[2] * poses[track].box[3]))


def _palette(window):
    from hands import CTRL, SHIFT, key
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    _largest(window)
    key(window, Qt.Key.Key_P, CTRL | SHIFT)
    palette = window.dialogs[-1]
    QTest.keyClicks(palette.line, "swp")
    return palette


def _sheet(window):
    from hands import key
    from PySide6.QtCore import Qt

    key(window, Qt.Key.Key_F1)
    return window.dialogs[-1]


def _dialog(window):
    """Another program's map, one key of one's own, and one that was refused."""
    from hands import CTRL, wait_until
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    window.dialogs.change_keys()
    dialog = window.dialogs[-1]
    place = dialog.maps.findData("cvat")
    dialog.maps.setCurrentIndex(place)
    dialog.maps.activated.emit(place)
    wait_until(lambda: window.keymap.current.id == "cvat", "the key map")
    dialog.choose_action("go.last")
    dialog.field.setFocus()
    for code, held in ((Qt.Key.Key_End, CTRL), (Qt.Key.Key_G, CTRL)):
        QTest.keyClick(dialog.field, code, held)
    return dialog
