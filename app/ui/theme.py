"""Look of the window: light and dark palettes that follow the system, joint colours, icons and sizes.

Everything is derived from few numbers: an 8 px grid, three text sizes, one accent colour. Colours of joints, people and
provenance are those of a palette of :mod:`app.ui.palettes`.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QTabWidget, QWidget

from app.ui.desktop_scheme import DesktopScheme
from app.ui.kept_icon import kept
from app.ui.palettes import DEFAULT_PALETTE, PALETTES, Palette

__all__ = [
    "COLORS", "GRID", "Colors", "Scheme", "ThemeWatcher", "apply", "colors", "icon", "is_dark", "numbers_font", "palette",
    "person_colour", "set_role", "tab_position", "theme",
]  # fmt: skip

_ICONS = Path(__file__).resolve().parents[2] / "resources" / "icons"

#: One step of the layout grid in device independent pixels.
GRID = 8

Scheme = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Colors:
    """Colours of one theme, as ``#rrggbb``. Text on its ground has a contrast of 4.5:1 or more.

    The ground of the canvas is the same neutral dark in both themes: the picture is the brightest thing on the screen.
    """

    window: str
    surface: str
    raised: str
    line: str
    text: str
    muted: str
    disabled: str
    accent: str
    on_accent: str
    hover: str
    warning: str
    error: str
    ok: str
    mark: str
    canvas: str = "#1B1C1E"
    canvas_text: str = "#E4E5E7"


LIGHT = Colors(
    window="#EFF0F2", surface="#FAFAFB", raised="#FFFFFF", line="#CDD0D5", text="#1D1F23", muted="#5A5E66", disabled="#A0A4AB",
    accent="#1F6FB2", on_accent="#FFFFFF", hover="#E1E5EA", warning="#8A5A00", error="#B3261E", ok="#00694C",
    mark="#A23B7C",
)  # fmt: skip
DARK = Colors(
    window="#25272B", surface="#1F2124", raised="#2E3136", line="#3E4249", text="#E4E5E7", muted="#A3A8B0", disabled="#676C74",
    accent="#5AAAE6", on_accent="#0C1620", hover="#363A40", warning="#F0B74A", error="#FF8A80", ok="#5CCBA4",
    mark="#E08DBE",
)  # fmt: skip
#: Both themes by name.
COLORS = {"light": LIGHT, "dark": DARK}


class ThemeWatcher(QObject):
    """Applies the theme and tells of changes; one per program (:func:`theme`). ``changed`` fires once the new look is on."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.scheme: Scheme = "system"
        self.styled = False
        self.palette = PALETTES[DEFAULT_PALETTE]
        self._desktop: DesktopScheme | None = None

    def set_scheme(self, scheme: Scheme) -> None:
        """Follow the system, or stay light or dark."""
        self.scheme = scheme
        if scheme == "system" and self._desktop is None:  # asked of the desktop only where its word counts
            self._desktop = DesktopScheme(self)
            self._desktop.changed.connect(self._take)
        self._take()

    def _take(self) -> None:
        """Have Qt be light or dark, for its own dialogs, and ourselves."""
        QGuiApplication.styleHints().setColorScheme(self._wanted)
        self.refresh()

    @property
    def _wanted(self) -> Qt.ColorScheme:
        """What was chosen, else what the desktop says; unknown leaves it to Qt."""
        if self.scheme == "system":
            return Qt.ColorScheme.Unknown if self._desktop is None else self._desktop.scheme
        return Qt.ColorScheme.Dark if self.scheme == "dark" else Qt.ColorScheme.Light

    def set_palette(self, name: str) -> None:
        """Colour sides, people and provenance otherwise; a name that does not exist is the default."""
        self.palette = PALETTES.get(name, PALETTES[DEFAULT_PALETTE])
        self.changed.emit()

    @property
    def dark(self) -> bool:
        """True when the dark theme is on."""
        wanted = self._wanted
        if wanted == Qt.ColorScheme.Unknown:
            wanted = QGuiApplication.styleHints().colorScheme()
        return wanted == Qt.ColorScheme.Dark

    def refresh(self) -> None:
        """Put palette and style sheet on the application unless they are on it: every widget takes a while."""
        app = QApplication.instance()
        palette, sheet = _palette(colors()), _style_sheet(colors())
        if isinstance(app, QApplication) and (app.styleSheet() != sheet or app.palette() != palette):
            _icons.clear()
            with _no_collection():
                app.setPalette(palette)
                app.setStyleSheet(sheet)
            self.changed.emit()


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from collecting garbage meanwhile.

    Qt walks over every widget it has styled and tells each; where ours answer in Python, the collector may run and delete
    a closed window that was waiting for it, and Qt would go on to widgets that are gone.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


_watcher: list[ThemeWatcher] = []
_icons: dict[tuple[str, str], QIcon] = {}


def theme() -> ThemeWatcher:
    """The program's theme watcher; connect to its ``changed`` to redraw."""
    if not _watcher:
        _watcher.append(ThemeWatcher())
    return _watcher[0]


def apply(scheme: Scheme = "system") -> None:
    """Style the application: Fusion with our palette on every platform, following the system's light or dark."""
    if not theme().styled:
        QApplication.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(theme().refresh)
        theme().styled = True
    theme().set_scheme(scheme)


def is_dark() -> bool:
    """True when the dark theme is on."""
    return theme().dark


def colors() -> Colors:
    """Colours of the theme that is on."""
    return DARK if is_dark() else LIGHT


def palette() -> Palette:
    """The palette of sides, people and provenance that is chosen."""
    return theme().palette


def person_colour(track: int) -> QColor:
    """Colour of a person by track id."""
    people = palette().people
    return QColor(people[track % len(people)])


def icon(name: str, colour: str | None = None) -> QIcon:
    """An icon of the Material Design font that ships with qtawesome (``"mdi6.play"``), in the text colour of the theme.

    Icons don't recolour themselves: ask again when :attr:`ThemeWatcher.changed` fires.
    """
    import qtawesome

    name = name if "." in name else "mdi6." + name
    colour = colour or colors().text
    key = (name, colour)
    if key not in _icons:
        _icons[key] = kept(qtawesome.icon(name, color=colour, color_disabled=colors().disabled))
    return _icons[key]


def numbers_font(base: QFont | None = None) -> QFont:
    """The interface font with figures of equal width, for numbers that change while people look at them."""
    font = QFont(base or QApplication.font())
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


def tab_position() -> QTabWidget.TabPosition:
    """Where tabbed docks have their tabs: on top, where the eyes are."""
    return QTabWidget.TabPosition.North


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget a look of the style sheet: muted, title, small, error, warning, ok, primary, flat or chip."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def _palette(c: Colors) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for name, colour in (
        (role.Window, c.window), (role.WindowText, c.text), (role.Base, c.surface), (role.AlternateBase, c.window),
        (role.Text, c.text), (role.PlaceholderText, c.muted), (role.Button, c.window), (role.ButtonText, c.text),
        (role.BrightText, c.error), (role.ToolTipBase, c.raised), (role.ToolTipText, c.text), (role.Highlight, c.accent),
        (role.HighlightedText, c.on_accent), (role.Link, c.accent), (role.LinkVisited, c.accent), (role.Accent, c.accent),
        (role.Light, c.raised), (role.Midlight, c.hover), (role.Mid, c.line), (role.Dark, c.line), (role.Shadow, "#000000"),
    ):  # fmt: skip
        palette.setColor(name, QColor(colour))
    for disabled in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, disabled, QColor(c.disabled))
    return palette


def _picture(name: str, c: Colors) -> str:
    """Path of a picture of the theme, as a style sheet wants it (also on Windows)."""
    return (_ICONS / f"{name}-{'dark' if c is DARK else 'light'}.svg").as_posix()


def _style_sheet(c: Colors) -> str:
    return f"""
    QMainWindow::separator {{ background: {c.window}; width: 4px; height: 4px; }}
    QMainWindow::separator:hover {{ background: {c.accent}; }}
    QMenuBar {{ background: {c.window}; padding: 2px 4px; }}
    QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
    QMenuBar::item:selected {{ background: {c.hover}; }}
    QMenu {{ background: {c.raised}; border: 1px solid {c.line}; padding: 4px; menu-scrollable: 1; }}
    QMenu::item {{ padding: 5px 24px 5px 8px; border-radius: 4px; }}
    QMenu::icon {{ padding-left: 8px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QMenu::item:disabled {{ color: {c.disabled}; background: transparent; }}
    QMenu::separator {{ height: 1px; background: {c.line}; margin: 4px 8px; }}
    QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; padding: 4px 6px; }}
    QStatusBar {{ background: {c.window}; }}
    QStatusBar::item {{ border: none; }}
    QDockWidget {{ titlebar-close-icon: none; titlebar-normal-icon: url({_picture("float", c)}); }}
    QDockWidget::title {{ background: {c.window}; padding: 6px 8px; text-align: left; }}
    QTabBar::tab {{ padding: 6px 8px; border: none; background: transparent; color: {c.muted}; }}
    QTabBar::tab:selected {{ color: {c.text}; border-bottom: 2px solid {c.accent}; }}
    QTabBar::tab:hover {{ color: {c.text}; }}
    QToolButton {{ border: none; border-radius: 4px; padding: 4px; background: transparent; }}
    QToolButton:hover {{ background: {c.hover}; }}
    QToolButton:pressed, QToolButton:checked {{ background: {c.line}; }}
    QToolButton:focus {{ border: 1px solid {c.accent}; }}
    QToolButton[role="chip"] {{ border: 1px solid {c.line}; background: {c.raised}; padding: 3px 6px; }}
    QToolButton[role="chip"]:hover {{ background: {c.hover}; }}
    QToolButton[role="chip"]:focus {{ border: 1px solid {c.accent}; }}
    QPushButton {{ padding: 6px 16px; border: 1px solid {c.line}; border-radius: 4px; background: {c.raised}; }}
    QPushButton:hover {{ background: {c.hover}; }}
    QPushButton:focus {{ border: 1px solid {c.accent}; }}
    QPushButton:default, QPushButton[role="primary"] {{
        background: {c.accent}; color: {c.on_accent}; border: 1px solid {c.accent};
    }}
    QPushButton:disabled {{ color: {c.disabled}; background: {c.window}; border: 1px solid {c.line}; }}
    QDialogButtonBox {{ dialogbuttonbox-buttons-have-icons: 0; }}
    QPushButton[role="flat"] {{ border: none; background: transparent; color: {c.accent}; padding: 4px 8px; }}
    QPushButton[role="flat"]:hover {{ background: {c.hover}; }}
    QPushButton[role="flat"]:disabled {{ color: {c.disabled}; background: transparent; border: none; }}
    QScrollArea[role="panel"] {{ border: 1px solid transparent; }}
    QScrollArea[role="panel"]:focus {{ border: 1px solid {c.accent}; }}
    QLabel[role="muted"] {{ color: {c.muted}; }}
    QLabel[role="error"] {{ color: {c.error}; }}
    QLabel[role="warning"] {{ color: {c.warning}; }}
    QLabel[role="ok"] {{ color: {c.ok}; }}
    QLabel[role="small"] {{ color: {c.muted}; font-size: 11px; }}
    QLabel[role="title"] {{ font-size: 20px; }}
    QLineEdit {{
        padding: 4px 6px; border: 1px solid {c.line}; border-radius: 4px; background: {c.surface};
        selection-background-color: {c.accent}; selection-color: {c.on_accent};
    }}
    QAbstractItemView QLineEdit {{ padding: 0 2px; border-radius: 0; }}
    QLineEdit:focus {{ border: 1px solid {c.accent}; }}
    QLineEdit:disabled {{ color: {c.disabled}; background: {c.window}; }}
    QCheckBox::indicator {{
        width: 14px; height: 14px; border: 1px solid {c.muted}; border-radius: 3px; background: {c.surface};
    }}
    QCheckBox::indicator:hover, QCheckBox::indicator:focus {{ border: 1px solid {c.accent}; }}
    QCheckBox::indicator:checked {{ background: {c.accent}; border: 1px solid {c.accent}; image: url({_picture("check", c)}); }}
    QCheckBox::indicator:disabled {{ border: 1px solid {c.disabled}; background: {c.window}; }}
    QCheckBox:focus, QRadioButton:focus {{ color: {c.accent}; }}
    QRadioButton::indicator {{
        width: 14px; height: 14px; border: 1px solid {c.muted}; border-radius: 8px; background: {c.surface};
    }}
    QRadioButton::indicator:hover, QRadioButton::indicator:focus {{ border: 1px solid {c.accent}; }}
    QRadioButton::indicator:checked {{
        border: 1px solid {c.accent};
        background: qradialgradient(cx: 0.5, cy: 0.5, radius: 0.5, fx: 0.5, fy: 0.5, stop: 0 {c.accent}, stop: 0.55 {c.accent},
            stop: 0.65 {c.surface}, stop: 1 {c.surface});
    }}
    QRadioButton::indicator:disabled {{ border: 1px solid {c.disabled}; background: {c.window}; }}
    QComboBox {{ min-height: 20px; padding: 2px 8px; }}
    QTreeView::item, QTableView::item, QListView::item {{ padding: 3px 4px; }}
    QTreeView::item:selected, QTableView::item:selected, QListView::item:selected {{
        background: {c.accent}; color: {c.on_accent};
    }}
    QProgressBar {{ border: none; background: {c.line}; border-radius: 2px; max-height: 4px; min-height: 4px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: 2px; }}
    QHeaderView::section {{ background: {c.window}; border: none; border-bottom: 1px solid {c.line}; padding: 4px; }}
    QAbstractItemView {{ border: none; background: {c.surface}; alternate-background-color: {c.window}; }}
    """
