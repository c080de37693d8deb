"""A model card as a page: tables that scroll on a phone, curves as drawings, no outside links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from affectome.people.cards import Card, Curve, Metric

SIDE, LEFT, BOTTOM, EDGE = 240, 44, 34, 10
BLUE = "#3b7dd8"
STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:56em;margin:2em auto;padding:0 1em}
h1{margin-bottom:.2em}
.gap{border-left:4px solid #c8503c;padding:.3em .8em;background:#c8503c18}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3em 1em}
dt{font-weight:600}dd{margin:0}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.92em}
th,td{text-align:left;vertical-align:top;padding:.2em 1em .2em 0;border-top:1px solid #8884}
th{border-top:0;font-weight:600}
td.n{white-space:nowrap;font-variant-numeric:tabular-nums}
figure{display:inline-block;margin:0 2em 1em 0;max-width:22em;vertical-align:top}
svg{max-width:100%;height:auto}
figcaption{font-size:.9em}
@media(max-width:32em){dl{grid-template-columns:1fr}dd{margin-bottom:.5em}}
"""


def whole(card: Card) -> str:
    """Lay out a card."""
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<title>{escape(card.name)}</title>"
        "<meta name='viewport' content='width=device-width'>"
        f"<style>{STYLE}</style>{''.join(_parts(card))}</html>\n"
    )


def _parts(card: Card) -> Iterator[str]:
    yield f"<h1>{escape(card.name)}</h1>"
    if card.gaps:
        yield f"<p class='gap'><b>Reads worse.</b> {escape('; '.join(card.gaps))}.</p>"
    yield f"<p>{escape(card.summary)}</p>"
    about = {
        "Trained on": card.data,
        "Licence": card.licence,
        "Meant for": card.intended,
        "Not for": card.not_for,
    }
    rows = "".join(f"<dt>{k}</dt><dd>{escape(v)}</dd>" for k, v in about.items() if v)
    yield f"<dl>{rows}</dl>"
    alone = [metric for metric in card.metrics if not metric.group]
    parted = [metric for metric in card.metrics if metric.group]
    if alone:
        yield f"<h2>How well it does</h2>{_metrics(alone)}"
    if card.curves:
        yield f"<h2>Is it as often right as it is sure?</h2>{''.join(map(_figure, card.curves))}"
    if parted:
        yield f"<h2>By label and by group</h2>{_metrics(parted)}"
    if card.failures:
        items = "".join(f"<li>{escape(failure)}</li>" for failure in card.failures)
        yield f"<h2>What it gets wrong</h2><ul>{items}</ul>"
    if card.labels:
        yield f"<h2>What the labels mean</h2>{_table(('label', 'meaning'), card.labels.items())}"


def metric_cells(metric: Metric) -> tuple[str, str, str, str, str]:
    """What, on what, the value, its interval, and what stands beside it."""
    interval = "" if metric.interval is None else "{:.3f} – {:.3f}".format(*metric.interval)
    beside = ", ".join(f"{name} {value:.3f}" for name, value in metric.baselines.items())
    what = f"{metric.name}, {metric.group}" if metric.group else metric.name
    return what, metric.on, f"{metric.value:.3f}", interval, beside


def _metrics(metrics: Sequence[Metric]) -> str:
    head = ("what", "on", "value", "95 % interval", "beside")
    return _table(head, map(metric_cells, metrics), numbers=(2, 3))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], numbers: Sequence[int] = ()) -> str:
    top = "".join(f"<th>{escape(cell)}" for cell in head)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if k in numbers else ''}>{escape(cell)}" for k, cell in enumerate(row)
        )
        for row in rows
    )
    wide = " style='min-width:42em'" if numbers else ""
    return f"<div class='wide'><table{wide}><tr>{top}{body}</table></div>"


def _figure(curve: Curve) -> str:
    caption = f"{_caption(curve)} {curve.on}; bars are exact 95 % bounds."
    return f"<figure>{drawing(curve)}<figcaption>{escape(caption)}</figcaption></figure>"


def _caption(curve: Curve) -> str:
    if curve.kind == "coverage":
        return "How often it is right, if only the surest share of readings is kept."
    kept = "How sure it was against how often it was right; on the line it keeps its word."
    return kept if curve.ece is None else f"{kept} Calibration error {curve.ece:.3f}."


def drawing(curve: Curve, ink: str = "currentColor") -> str:
    """Draw a curve as SVG.

    Parameters
    ----------
    curve
        What is drawn.
    ink
        Colour of frame and words; a file of its own knows none of the page's.
    """
    x_name = "how sure" if curve.kind == "reliability" else "share of readings kept"
    width, height = LEFT + SIDE + EDGE, EDGE + SIDE + BOTTOM
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' "
        f"role='img' aria-label='right against {x_name}' fill='{ink}' "
        "font-family='system-ui,sans-serif' font-size='11'>",
        *_frame(x_name, "right", ink),
    ]
    if curve.kind == "reliability":
        parts.append(_line(_at(0, 0), _at(1, 1), ink, "stroke-opacity='.4' stroke-dasharray='4 4'"))
    places = [_at(x, y) for x, y in zip(curve.x, curve.y, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f"<polyline points='{path}' fill='none' stroke='{BLUE}' stroke-width='1.5'/>")
    parts += [
        _line(_at(x, low), _at(x, high), BLUE)
        for x, (low, high) in zip(curve.x, curve.bounds, strict=False)
    ]
    parts += [f"<circle cx='{x:.1f}' cy='{y:.1f}' r='3' fill='{BLUE}'/>" for x, y in places]
    return "".join([*parts, "</svg>"])


def _at(x: float, y: float) -> tuple[float, float]:
    return LEFT + x * SIDE, EDGE + (1 - y) * SIDE


def _frame(x_name: str, y_name: str, ink: str) -> Iterator[str]:
    yield (
        f"<rect x='{LEFT}' y='{EDGE}' width='{SIDE}' height='{SIDE}' fill='none' stroke='{ink}' "
        "stroke-opacity='.3'/>"
    )
    for tick in (0.0, 0.5, 1.0):
        (x, bottom), (left, y) = _at(tick, 0), _at(0, tick)
        yield _text(x, bottom + 14, f"{tick:g}")
        yield _text(left - 5, y + 4, f"{tick:g}", "text-anchor='end'")
    middle = EDGE + SIDE / 2
    yield _text(LEFT + SIDE / 2, EDGE + SIDE + BOTTOM - 4, x_name)
    turned = f"text-anchor='middle' transform='rotate(-90 10 {middle:.0f})'"
    yield _text(10, middle, y_name, turned)


def _line(begin: tuple[float, float], end: tuple[float, float], ink: str, how: str = "") -> str:
    (x1, y1), (x2, y2) = begin, end
    places = f"x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'"
    return f"<line {places} stroke='{ink}' {how}/>"


def _text(x: float, y: float, words: str, how: str = "text-anchor='middle'") -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' {how}>{words}</text>"
