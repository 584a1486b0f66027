"""The page of a report: whole, escaped, and readable in a browser."""

import re
import shutil
import subprocess
import sys
from base64 import b64decode
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LogisticRegression

from skdc import CondensedSet, Condenser, KMeansCondenser, KMedoids
from skdc.evaluation import condensation_report
from skdc.evaluation.report.making import FOR_YOU_ALONE
from skdc.privacy import ClassGaussians

rng = np.random.default_rng(0)
EVIL = "<script>alert('x')</script>"
VOID = {"meta", "link", "img", "br"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def table(n=200):
    frame = pd.DataFrame(
        {
            f"income {EVIL}": np.where(rng.random(n) < 0.1, np.nan, np.exp(rng.normal(10, 1, n))),
            'city "&amp;"': rng.choice(["Oslo", "Rome & Pisa", "a$b$\\frac", EVIL], n),
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1500, n), unit="D"),
            "height": rng.normal(size=n),
        }
    )
    return frame, rng.choice(["yes", "no", f"other {EVIL}"], n)


def of_table():
    (X, y), test = table(), table(60)
    return condensation_report(
        KMeansCondenser(5, random_state=0).fit(X, y), X, y, *test, learners={"$\\frac$": LogisticRegression()}
    )


def of_images():
    images, labels = rng.integers(0, 255, (90, 6, 6)).astype(np.uint8), np.arange(90) % 3
    return condensation_report(KMedoids(4, random_state=0).fit(images, labels), images, labels)


def of_regression():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    condenser = KMedoids(n_samples=20, task="regression", random_state=0).fit(X[::2], y[::2])
    return condensation_report(condenser, X[::2], y[::2], X[1::2], y[1::2], learners=["linear", "forest"])


def of_private_rows():
    X, y = rng.normal(size=(300, 4)), np.arange(300) % 2
    privacy = ClassGaussians(epsilon=5.0, feature_range=(-5, 5), n_rows=300)
    return condensation_report(Condenser(n_per_class=5, privacy=privacy).fit(X, y), X, y)


REPORTS = {"table": of_table, "images": of_images, "regression": of_regression, "private": of_private_rows}


@pytest.fixture(scope="module")
def reports():
    return {name: make() for name, make in REPORTS.items()}


@pytest.fixture(scope="module")
def pages(reports):
    return {name: report.to_html() for name, report in reports.items()}


class Outline(HTMLParser):
    """The tags of a page, which must be closed in order, and its words."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def of(self, *names):
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.mark.parametrize("name", REPORTS)
def test_a_page_is_whole_and_loads_nothing(pages, name):
    outline = Outline(pages[name])
    assert outline.of("html")[0]["lang"] == "en" and len(outline.of("title")) == len(outline.of("h1")) == 1
    headings = [tag for tag, _ in outline.tags if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == "h1" and set(headings[1:]) == {"h2"}
    ids = {attrs["id"] for _, attrs in outline.tags if "id" in attrs}
    for attrs in outline.of("a", "link", "img"):
        source = attrs.get("href") or attrs["src"]
        assert source.startswith("data:") or source[1:] in ids
    assert not re.search(r"url\(|@import|https?:", re.sub(r"data:[^\"]*", "", pages[name]))


@pytest.mark.parametrize("name", REPORTS)
def test_pictures_are_said_in_words(pages, name):
    pictures = Outline(pages[name]).of("img")
    assert len(pictures) >= (4 if name in ("table", "regression") else 3)
    assert all(attrs["alt"] for attrs in pictures)
    for attrs in pictures:
        kind, _, drawing = attrs["src"].partition(",")
        assert kind == "data:image/svg+xml;base64"
        assert not re.search('id="p[0-9a-f]{10}"', b64decode(drawing).decode())  # made of bounds with their noise


def test_what_comes_from_the_user_is_escaped(pages):
    outline = Outline(pages["table"])
    assert not outline.of("script") and "<script" not in pages["table"].lower()
    words = " ".join(outline.words)
    assert f"income {EVIL}" in words and f"other {EVIL}" in words and 'city "&amp;"' in words


def test_a_notebook_shows_the_page_in_a_frame(reports, pages):
    (frame,) = Outline(reports["table"]._repr_html_()).of("iframe")
    assert frame["srcdoc"] == pages["table"] and frame["sandbox"] is None  # nothing is allowed


def test_the_page_of_a_private_set_begins_with_whom_it_is_for(pages):
    words = [word.strip() for word in Outline(pages["private"]).words if word.strip()]
    assert FOR_YOU_ALONE in words[:5]
    assert not any(FOR_YOU_ALONE in page for name, page in pages.items() if name != "private")


def test_what_is_written_is_the_page(tmp_path, reports, pages):
    report = reports["regression"]
    assert report.to_html(tmp_path / "report.html") is None
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == pages["regression"]
    with pytest.raises(FileNotFoundError, match="make it first"):
        report.to_html(tmp_path / "none" / "report.html")


def test_without_matplotlib_the_page_says_what_draws(monkeypatch, reports):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    page = reports["images"].to_html()
    assert "<img" not in page and "pip install &#x27;skdc[plot]&#x27;" in page


def test_the_style_and_the_figures_of_the_user_stay_as_they_are():
    import matplotlib.pyplot as plt

    with plt.rc_context({"axes.facecolor": "black", "lines.linewidth": 7}):
        before, report = dict(plt.rcParams), of_regression()
        page = report.to_html()
        assert dict(plt.rcParams) == before and not plt.get_fignums()
    assert page == report.to_html()


def test_a_set_of_one_column_and_one_of_one_point_have_pages():
    X = rng.normal(size=(50, 1))
    assert "<h2" in condensation_report(CondensedSet(X[:4], None), X).to_html()
    X = rng.normal(size=(50, 3))
    assert "<h2" in condensation_report(CondensedSet(X[:1], None), X).to_html()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="pages are opened in Chromium, which is not installed")
@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("name", REPORTS)
def test_a_browser_shows_it_without_errors_at_any_width(tmp_path, pages, name, width):
    (tmp_path / "report.html").write_text(pages[name], encoding="utf-8")
    (tmp_path / "frame.html").write_text(
        f"""<iframe src="report.html" style="width: {width}px; height: 800px"></iframe><p id="found"></p><script>
        addEventListener("load", () => {{
          const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
          const sizes = [...page.images].map(image => image.complete && image.naturalWidth > 50 && image.width > 200);
          document.querySelector("#found").textContent =
            JSON.stringify([root.scrollWidth <= root.clientWidth, sizes.length, sizes.every(Boolean)]);
        }});</script>""",
        encoding="utf-8",
    )
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
    told = ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=5000"]
    page = f"file://{tmp_path}/frame.html"
    shown = subprocess.run([CHROMIUM, *switches, *told, page], capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in shown.stderr
    n_pictures = pages[name].count("<img")
    assert f'<p id="found">[true,{n_pictures},true]</p>' in shown.stdout
