from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from affectome.data import result_head
from affectome.reports.page import Figure, Page, Section, Table, data_uri, render, write_run
from affectome.reports.style import canvas, svg


@pytest.fixture
def page() -> Page:
    figure, axes = canvas()
    axes.plot([1, 2], [3, 4])
    axes.set_xlabel("depth")
    return Page(
        title="Emergence · <pictures>",
        question="Does it?",
        answer="It does & more.",
        sections=[
            Section(
                "First",
                "One.\n\nTwo.",
                [Figure("line", svg(figure), "a line")],
                [Table(["a", "b"], [["1", "2"]], "small")],
            )
        ],
        numbers=[("r", ".51", ".4 to .6")],
        stamps=["random split"],
        skipped=[{"file": "x.png", "why": "truncated"}],
        facts={"seed": "0"},
    )


def test_columns_of_words_stand_left_and_numbers_right():
    rows = [
        ["a", ".52", "p < .001", "dog_01.png", "–", "+0.10 (α 2)", ""],
        ["b", "−1", "p = .03", "12.png", "3 / 4.1", "–", "nan"],
    ]
    sides = ["left", "right", "right", "left", "right", "right", "right"]
    assert Table([""] * 7, rows).aligned == sides
    assert Table(["a", "b"], []).aligned == ["right", "right"]


class Outside(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v for k, v in attrs if k in {"src", "href"} and v]


def test_page_is_one_file_that_needs_no_network(page: Page) -> None:
    text = render(page)
    parser = Outside()
    parser.feed(text)
    assert all(link.startswith(("data:", "#")) for link in parser.links)
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text


def test_text_is_escaped_and_nothing_is_lost(page: Page) -> None:
    text = render(page)
    assert "&lt;pictures&gt;" in text
    assert "It does &amp; more." in text
    for words in (
        "random split",
        "x.png: truncated",
        "<p>Two.</p>",
        '<td class="right">2</td>',
        "seed",
    ):
        assert words in text


def test_figures_take_the_theme_and_repeat_to_the_byte(page: Page) -> None:
    def draw() -> str:
        figure, axes = canvas()
        axes.plot([1, 2], [3, 4])
        axes.set_title("t")
        return svg(figure)

    assert draw() == draw()
    assert "var(--ink)" in draw()
    assert "#010203" not in draw()


def test_what_a_run_writes(page: Page, tmp_path: Path) -> None:
    table = pd.DataFrame({"a": [1]})
    result = result_head(
        "rsa", 1, source="x", target=None, held_out=None, trials=2, skipped=[], warnings=[]
    )
    report = write_run(tmp_path, result, page, {"random_state": 0}, {"units": table})
    assert report == tmp_path / "report.html"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "figures",
        "manifest.json",
        "report.html",
        "result.json",
        "units.csv",
    ]
    standalone = (tmp_path / "figures" / "line.svg").read_text()
    assert standalone.startswith("<?xml")
    assert "var(" not in standalone


def test_data_uri() -> None:
    assert data_uri(b"ab") == "data:image/png;base64,YWI="
