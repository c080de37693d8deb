"""HTML of results: self-contained, in a style scope of its own, readable on dark and light grounds.

Colours are those of the page around it (``currentColor``, transparency), so that a notebook's theme
needs no second palette.
"""

from __future__ import annotations

import tempfile
import webbrowser
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from affectome.errors import InputError

STYLE = """
.afx{font:14px/1.45 system-ui,sans-serif;max-width:44em;overflow-x:auto}
.afx section{padding:.6em 0;border-top:1px solid #8884}
.afx h4{margin:0 0 .3em;font-size:1em;font-weight:600}
.afx table{border-collapse:collapse;border:0;background:none;font-size:1em;color:inherit}
.afx td,.afx th,.afx tr{padding:1px .6em 1px 0;border:0;text-align:left;background:none!important;
  color:inherit;vertical-align:baseline}
.afx th{font-weight:600;border-bottom:1px solid #8884}
.afx td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.afx i.bar{display:inline-block;height:.7em;background:#3b7dd8;border-radius:2px}
.afx i.bar.weak{background:#8889}
.afx small{opacity:.7}
.afx small.whole{white-space:nowrap}
.afx p{margin:.4em 0}
.afx p.stamp{border-left:3px solid #d55e00;padding-left:.6em;font-weight:600}
.afx i.scale{display:inline-block;position:relative;width:6em;height:.7em;vertical-align:middle;
  border-bottom:1px solid #8888}
.afx i.scale b{position:absolute;top:.1em;height:.5em;background:#3b7dd855;border-radius:2px}
.afx i.scale u{position:absolute;top:0;width:2px;height:.7em;background:#3b7dd8}
.afx mark{color:inherit;border-radius:2px;padding:0 1px}
.afx figure{margin:1em 0}
.afx figure svg{max-width:100%;height:auto}
"""


def fragment(sections: str) -> str:
    """A part of a page, as a notebook shows it, from the HTML of its sections."""
    return f"<div class='afx'><style>{STYLE}</style>{sections}</div>"


def whole(sections: str, title: str) -> str:
    """A page of its own, which needs no network."""
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{escape(title)}</title>"
        "<meta name='viewport' content='width=device-width'>"
        "<style>:root{color-scheme:light dark}body{margin:2em auto;max-width:44em;padding:0 1em}"
        f"</style>{fragment(sections)}</html>\n"
    )


def open_page(page: str, file: str | Path | None, name: str) -> Path:
    """Write a page and show it in the browser.

    Parameters
    ----------
    page
        HTML.
    file
        Where it is kept; in a temporary folder when None.
    name
        Name of the file there.

    Raises
    ------
    InputError
        If it can't be written.
    """
    target = Path(tempfile.mkdtemp()) / f"{name}.html" if file is None else Path(file)
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"can't write {target}: {error.strerror or error}") from error
    webbrowser.open(target.resolve().as_uri())
    return target


def paragraph(text: str, kind: str = "") -> str:
    """One paragraph; of the kind ``"stamp"`` where no reader may miss it, ``"small"`` for print."""
    if kind == "small":
        return f"<p><small>{escape(text)}</small></p>"
    return f"<p{f' class={kind!r}' if kind else ''}>{escape(text)}</p>"


def rows(cells: Iterable[Sequence[object]], head: Sequence[object] = ()) -> str:
    """A table; numbers stand to the right, HTML made by :func:`mark` or :func:`on_scale` as it is.

    Parameters
    ----------
    cells
        One sequence a row.
    head
        Names of the columns.
    """
    top = "".join(f"<th>{escape(str(name))}" for name in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}" for row in cells)
    return f"<table>{f'<tr>{top}' if top else ''}{body}</table>"


class Markup(str):
    """HTML that was made here, not text of a user's."""

    __slots__ = ()


def _cell(value: object) -> str:
    if isinstance(value, Markup):
        return f"<td>{value}"
    if isinstance(value, float):
        return f"<td class='n'>{'' if value != value else format(value, '.3g')}"  # noqa: PLR0124  NaN
    if isinstance(value, int) and not isinstance(value, bool):
        return f"<td class='n'>{value:,}"
    return f"<td>{escape('' if value is None else str(value))}"


def mark(share: float, weak: bool = False, width: float = 12.0) -> Markup:
    """A bar as long as a share of ``width`` em."""
    kind = "bar weak" if weak else "bar"
    return Markup(f"<i class='{kind}' style='width:{width * share:.2f}em'></i>")


def on_scale(
    value: float, interval: tuple[float, float] | None, scale: tuple[float, float]
) -> Markup:
    """A value and its interval on a scale from ``scale[0]`` to ``scale[1]``."""
    least, most = scale
    low, high = interval or (value, value)
    left, right, at = (
        100 * (min(max(x, least), most) - least) / (most - least) for x in (low, high, value)
    )
    return Markup(
        f"<i class='scale'><b style='left:{left:.0f}%;width:{right - left:.0f}%'></b>"
        f"<u style='left:{at:.0f}%'></u></i>"
    )
