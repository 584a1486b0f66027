"""What a set says of itself, in a line and in a notebook."""

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from PIL import Image

from skdc import CondensedSet
from skdc.condensed.pictures import png

from .test_saving import PROVENANCE, SMALL


def test_a_line():
    made_by = "by KMedoids(n_per_class=2)"
    assert repr(SMALL) == f"CondensedSet(3 points of 2 columns, 2 classes, weights, soft labels, {made_by})"
    assert repr(CondensedSet(np.eye(1), None)) == "CondensedSet(1 point of 1 column)"
    images = np.zeros((4, 3, 8, 8))
    assert repr(CondensedSet(images, np.zeros(4), np.ones(4))) == "CondensedSet(4 points of shape (3, 8, 8))"
    long = replace(PROVENANCE, condenser="Condenser(discrepancy=MMD(),\n          solver=" + "x" * 200)
    assert repr(replace(SMALL, provenance=long)).endswith("by Condenser(discrepancy=MMD(), solver=" + "x" * 43 + "…)")
    for rows in (pd.DataFrame(np.eye(3)), sp.csr_array(np.eye(3))):
        assert repr(CondensedSet(rows, None)) == "CondensedSet(3 points of 3 columns)"


class Page(HTMLParser):
    """The cells and the pictures of a page."""

    def __init__(self, html):
        super().__init__()
        self.lines, self.pictures, self.open, self.text = [], [], [], ""
        self.feed(html)
        assert not self.open, "all tags are closed"

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.pictures.append(dict(attrs)["src"])
            return
        self.open.append(tag)
        if tag == "tr":
            self.lines.append([])
        elif tag in ("td", "th"):
            self.lines[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + "\n"
        if self.open[-1] in ("td", "th"):
            self.lines[-1][-1] += data


def picture(condensed):
    (source,) = Page(condensed._repr_html_()).pictures
    found = Image.open(io.BytesIO(base64.b64decode(source.removeprefix("data:image/png;base64,"))))
    found.load()
    return np.asarray(found)


def test_a_table_shows_the_first_rows_and_the_facts():
    page = Page(replace(SMALL, provenance=replace(PROVENANCE, privacy={"epsilon": 1.0, "delta": 1e-5}))._repr_html_())
    assert page.lines == [
        ["x0", "x1", "target", "sample_weight", "P(a)", "P(b)"],
        ["0", "1", "a", "0.5", "0.75", "0.25"],
        ["2", "3", "a", "1", "1", "0"],
        ["4", "5", "b", "1.5", "0", "1"],
    ]
    for fact in (
        "3 points of 2 columns",
        "2 classes, 1 to 2 of each",
        "weights from 0.5 to 1.5",
        "soft labels",
        "made by KMedoids(n_per_class=2), of 150 rows, in 0.25 s, with skdc 0.1.0",
        "private: epsilon 1.0, delta 1e-05",
    ):
        assert fact in page.text.splitlines()


@pytest.mark.parametrize("package", ["pandas", "polars"])
def test_tables_of_frames_are_cut_and_escaped(package):
    frame = pytest.importorskip(package).DataFrame(
        {"<b>": ["<i>&", None, "x" * 50] * 3, **{f"n{j}": np.arange(9) / 3 for j in range(20)}}
    )
    assert repr(CondensedSet(frame, None)) == "CondensedSet(9 points of 21 columns)"
    html = CondensedSet(frame, pd.Series(["<y>"] * 9, name="<t>"))._repr_html_()
    assert "<b>" not in html and "<i>" not in html and "<y>" not in html and "<t>" not in html
    page = Page(html)
    assert page.lines[0] == ["<b>", *(f"n{j}" for j in range(11)), "…", "<t>"]
    assert len(page.lines) == 6 and "4 more" in page.text
    assert page.lines[1][:2] == ["<i>&", "0"] and page.lines[2][1] == "0.3333" and page.lines[3][0] == "x" * 31 + "…"


def test_tables_of_other_rows():
    page = Page(CondensedSet(sp.csr_array(np.eye(7)), None)._repr_html_())
    assert page.lines[2] == ["0", "1", "0", "0", "0", "0", "0"] and "2 more" in page.text
    for shape in ((0, 3), (3, 0), (2, 5, 6, 7), (2, 1, 2, 2, 2)):  # of no layout, and of five dimensions
        assert not Page(CondensedSet(np.zeros(shape), None)._repr_html_()).pictures


LAYOUTS = {
    "grey": lambda images: images[..., 0],
    "channels last": lambda images: images,
    "channels first": lambda images: np.moveaxis(images, -1, 1),
    "one channel": lambda images: images[:, None, :, :, 0],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_are_shown_by_class(layout):
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    rows = LAYOUTS[layout](images)
    found = picture(CondensedSet(rows, np.array(list("babab")), classes=np.array(["a", "b"])))
    expected = images if layout.startswith("channels") else images[..., 0]
    assert found.shape == (2 * 7 - 1, 3 * 8 - 1, *expected.shape[3:])
    for place, row in {(0, 0): 1, (0, 1): 3, (1, 0): 0, (1, 1): 2, (1, 2): 4}.items():
        top, left = 7 * place[0], 8 * place[1]
        np.testing.assert_array_equal(found[top : top + 6, left : left + 7], expected[row])
    assert (found[6] == 255).all() and (found[:, 7] == 255).all() and (found[:6, 16:] == 255).all()


def test_images_of_floats_are_shown_from_the_least_to_the_greatest():
    images = np.zeros((2, 2, 2)) - 3
    images[0, 0, 1], images[1] = 5, 1
    images[1, 1, 1] = np.nan
    found = picture(CondensedSet(images, None))
    np.testing.assert_array_equal(found[:, :2], [[0, 255], [0, 0]])
    np.testing.assert_array_equal(found[:, 3:], [[128, 128], [128, 0]])
    assert (picture(CondensedSet(np.ones((2, 2, 2)), None))[:, :2] == 0).all()


def test_many_images_are_cut():
    images = np.zeros((300, 4, 4), np.uint8)
    condensed = CondensedSet(images, np.arange(300) % 12, classes=np.arange(12))
    assert picture(condensed).shape == (10 * 5 - 1, 10 * 5 - 1)
    text = Page(condensed._repr_html_()).text
    assert "classes from top to bottom: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; 200 more" in text
    assert "12 classes, 25 of each" in text
    assert picture(replace(condensed, y=None, classes=None)).shape == (49, 49)
    assert picture(replace(condensed, X=images[:3], y=np.array([5, 5, 0]))).shape == (9, 9)


def test_pictures_are_small_files():
    pixels = np.zeros((300, 200, 3), np.uint8)
    assert len(png(pixels)) < 1000
    assert re.match(rb"\x89PNG\r\n\x1a\n", png(pixels))
