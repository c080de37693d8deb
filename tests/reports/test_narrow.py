"""Figures on a phone: drawn anew, nothing cut off, nothing smaller than elsewhere."""

import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from affectome.reports.figures import Mark, legend, matrix, scores
from affectome.reports.narrow import WIDTH, lay_out
from affectome.reports.style import canvas, svg

LONG = "brightness, contrast and colour held constant"


def drawn(figure):
    """Parts of a figure that lie outside it, in pixels."""
    board = FigureCanvasAgg(figure)
    board.draw()
    box, whole = figure.get_tightbbox(board.get_renderer()), figure.get_size_inches()
    return np.array([box.x0, box.y0, whole[0] - box.x1, whole[1] - box.y1]) * 100


def with_legend(columns=1):
    figure, panels = canvas(columns=columns, sharey=columns > 1)
    for axes in np.atleast_1d(panels):
        for name in ("untrained", "trained on objects", LONG):
            axes.plot([0, 1], [0, 1], label=name)
        axes.set_ylabel("balanced accuracy")
        if columns < 5:
            legend(axes)
    return figure


@pytest.mark.parametrize("columns", [1, 2, 3, 5])
def test_nothing_is_cut_off_and_panels_lie_below_each_other(columns):
    figure = with_legend(columns)
    assert lay_out(figure)
    assert drawn(figure).min() > -5
    assert figure.get_figwidth() == WIDTH
    left = {round(axes.get_position().x0, 1) for axes in figure.axes}
    assert len(left) == (2 if columns == 5 else 1)
    for axes in figure.axes:
        assert axes.get_position().width * WIDTH > 0.8, "inches of a panel that can be read"
        if columns < 5:
            said = axes.get_legend().get_texts()[-1].get_text()
            assert said == "brightness, contrast and colour\nheld constant"


def test_long_names_are_broken_and_many_stand_upright():
    figure, axes = canvas()
    axes.plot(range(13), range(13))
    axes.set_xticks(range(13), [f"features.{k}" for k in range(13)])
    axes.set_yticks([0, 12], ["low", LONG])
    assert lay_out(figure)
    assert "brightness,\ncontrast and\ncolour held\nconstant" in [
        text.get_text() for text in axes.get_yticklabels()
    ]
    assert {text.get_rotation() for text in axes.get_xticklabels()} == {90.0}
    assert drawn(figure).min() > -5


def test_the_page_shows_one_of_two_and_both_say_the_same():
    text = scores([Mark("VGG-16", 0.61, (0.5, 0.7)), Mark(LONG, 0.33)], "accuracy", 0.33)
    assert re.findall(r'<svg class="(\w+)"', text) == ["wide", "narrow"]
    wide, narrow = text.split('<svg class="narrow"')
    for words in ("VGG-16", "0.61", "0.33", "accuracy", "chance"):
        assert f">{words}</text>" in wide
        assert f">{words}</text>" in narrow
    referred = [set(re.findall(r'(?:url\(#|href="#)([^")]+)', part)) for part in (wide, narrow)]
    assert not referred[0] & referred[1], "what one refers to is not hidden with the other"


def test_what_is_small_or_a_picture_stays_as_it_is():
    figure, _ = canvas(width=4.6)
    assert re.findall(r'<svg class="(\w+)"', svg(figure)) == ["small"]
    names = [f"emotion {k}" for k in range(20)]
    large = matrix(np.eye(20), names, names, "shown", "read")
    assert re.findall(r'<svg class="(\w+)"', large) == ["whole"]


def test_what_has_no_room_on_a_phone_stays_wide():
    figure, axes = canvas(height=1.0)
    axes.annotate("a remark that is far too long for a phone " * 2, (1, 0.5), annotation_clip=False)
    assert re.findall(r'<svg class="(\w+)"', svg(figure)) == ["whole"]


def test_names_of_powers_are_not_broken():
    figure, axes = canvas()
    axes.plot([1, 1e18])
    axes.set_yscale("log")
    assert "mathdefault" not in re.sub("<!--.*?-->", "", svg(figure))
