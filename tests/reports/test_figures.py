import numpy as np
import pytest

from affectome.reports.figures import Mark, band, class_color, legend, matrix, reference, scores
from affectome.reports.style import COLORS, canvas, svg


def test_scores_carry_labels_numbers_and_chance() -> None:
    text = scores([Mark("VGG-16", 0.61, (0.5, 0.7)), Mark("majority", 0.33)], "accuracy", 0.33)
    for words in ("VGG-16", "0.61", "majority", "0.33", "accuracy", "chance"):
        assert f">{words}</text>" in text


def test_matrix_prints_numbers_readable_on_their_cells() -> None:
    text = matrix([[1.0, 0.0], [0.25, 0.75]], ["a", "b"], ["a", "b"], "shown", "read")
    assert text.count("#ffffff") >= 1
    assert text.count("#111111") >= 1
    for words in ("1.00", "0.25", "shown", "read"):
        assert f">{words}</text>" in text


@pytest.mark.parametrize("size", [3, 20])
def test_matrix_of_any_size(size: int) -> None:
    names = [f"class {i}" for i in range(size)]
    text = matrix(np.eye(size) - 0.5, names, names, "y", "x", (-1, 1), diverging=True)
    assert all(f">{name}</text>" in text for name in names)


def test_bands_and_legend() -> None:
    figure, axes = canvas()
    band(axes, [0, 1], [1, 2], [0, 1], [2, 3], COLORS["trained"], "trained")
    band(axes, [0, 1], None, [0, 0], [1, 1], COLORS["untrained"], "random units")
    reference(axes, 0.5, "base")
    legend(axes)
    text = svg(figure)
    assert all(words in text for words in ("trained", "random units", "base"))


def test_classes_keep_their_colours() -> None:
    assert class_color("pleasant", 5) == COLORS["pleasant"]
    assert class_color("joy", 0) != class_color("joy", 1)


def test_no_text_is_lost_in_the_dark() -> None:
    figure, axes = canvas()
    axes.set_title("made outside the style")
    figure.supxlabel("below")
    text = svg(figure)
    for words in ("made outside the style", "below"):
        before = text[: text.index(f">{words}<")]
        assert "var(--ink)" in before[before.rindex("<text") :]
