"""Results show themselves: lines, a part of a page, a table, a plot, and files of them."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import affectome as af
from affectome import display
from people_and_films import planted

mpl.use("agg")
MOST_BYTES = 200_000


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    X, trials = planted()
    folder = tmp_path_factory.mktemp("catalog")
    trials.to_csv(folder / "table.csv", index=False)
    recording = af.as_recording(X, trials)
    return {
        "Evidence": af.evaluate(
            af.RidgeClassifierDecoder(),
            recording,
            "emotion",
            n_permutations=20,
            n_bootstrap=50,
        ),
        "Split": af.make_split(trials, trials["emotion"], "person"),
        "Selectivity": af.selectivity(recording, "emotion", n_permutations=200),
        "Overlap": af.overlap(
            recording[::2], recording[1::2], "emotion", n_permutations=20, ignore=("film",)
        ),
        "Catalog": af.read_catalog(folder / "table.csv"),
        "Measurement": af.Measurement(recording, Path("here"), notes=("cut <b>by hand</b>",)),
        "Audit": af.audit(trials, "emotion"),
        "Rsa": af.rsa(af.rdms(recording, "film"), {"mine": np.arange(15.0)}, n_permutations=20),
        "Rdms": af.rdms(recording, "film"),
        "Readings": af.Readings([af.Reading("words", {"joy": 0.8, "calm": 0.1}, labels=("joy",))]),
    }


NAMES = (
    *("Evidence", "Split", "Selectivity", "Overlap", "Catalog", "Measurement", "Audit", "Rsa"),
    *("Rdms", "Readings"),
)


class Wellformed(HTMLParser):
    """Counts what is opened and closed, and keeps links."""

    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [
            v
            for k, v in attrs
            if k in ("src", "href", "xlink:href") and not v.startswith(("#", "data:"))
        ]
        if tag in ("div", "section", "style", "table", "figure", "svg", "details", "h4", "small"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag


@pytest.mark.parametrize("name", NAMES)
def test_a_repr_is_a_few_short_lines(results, name):
    lines = repr(results[name]).splitlines()
    assert lines[0].startswith(name)
    assert 1 <= len(lines) <= 12
    assert max(map(len, lines)) <= 130


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_a_page_stands_alone(results, name, tmp_path):
    part = results[name]._repr_html_()
    page = Path(results[name].save(tmp_path / "page.html")).read_text()
    for html in (part, page):
        seen = Wellformed()
        seen.feed(html)
        assert not seen.open
        assert not seen.links
        assert len(html.encode()) < MOST_BYTES
        rules = "".join(re.findall(r"<style>(.*?)</style>", html, re.S))
        assert all(
            rule.strip().startswith((".afx", ":root", "body", "*"))
            for rule in re.findall(r"(?:^|})([^{}]+){", display.html.STYLE)
        )
        assert "color:#" not in rules.replace("background-color:#", "")
    assert part.startswith("<div class='afx'>")
    assert "color-scheme:light dark" in page


@pytest.mark.parametrize("name", NAMES)
def test_a_plot_and_a_table(results, name, tmp_path):
    _, mine = plt.subplots()
    drawn = results[name].plot(mine)
    assert drawn is mine
    assert drawn.get_xlabel()
    plt.close("all")
    table = results[name].to_frame()
    assert isinstance(table, pd.DataFrame)
    assert len(table)
    saved = pd.read_csv(results[name].save(tmp_path / "table.csv"))
    assert list(saved.columns) == [str(c) for c in table.columns]
    assert len(saved) == len(table)


def test_files_by_their_suffix(results, tmp_path):
    evidence = results["Evidence"]
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<svg"), (".pdf", b"%PDF")):
        assert evidence.save(tmp_path / f"x{suffix}").read_bytes().startswith(start)
    assert '"metric": "macro_auc"' in evidence.save(tmp_path / "x.json").read_text()
    with pytest.raises(af.InputError, match=r"x.docx has no suffix that can be saved; take .html"):
        evidence.save(tmp_path / "x.docx")
    with pytest.raises(af.InputError, match=r"no suffix that can be saved; take .html, .csv"):
        results["Readings"].save(tmp_path / "x.png")


def test_opened_in_the_browser(results, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(display.html.webbrowser, "open", opened.append)
    for name in ("Split", "Readings"):
        file = results[name].open(tmp_path / f"{name}.html")
        assert opened.pop() == file.resolve().as_uri()
    assert results["Split"].open().name == "split.html"
    with pytest.raises(af.InputError, match="can't write"):
        results["Split"].open(tmp_path / "gone" / "x.html")


def test_names_of_strangers_are_escaped(results):
    assert "<b>by hand" not in results["Measurement"]._repr_html_()
    table = pd.DataFrame({"emotion": ["<script>", "joy"], "n": [1, 2]})
    shown = af.Catalog(table, Path("x"))._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_no_p_is_said_with_its_reason(results):
    score = replace(results["Evidence"].score, p=None, null=None, why="no p, because of the clock")
    shown = replace(results["Evidence"], scores={"macro_auc": score})
    assert "no p, because of the clock" in repr(shown)
    assert "p =" not in repr(shown).splitlines()[0]
