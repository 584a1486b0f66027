"""Draw the rules of `skdc.suggestions` and list them in the page; `python docs/which.py` does both."""

import re
import textwrap
from html import escape
from itertools import groupby
from pathlib import Path

from skdc.suggestions import RULES, Rule

BEGIN, END = ".. the rules, by python docs/which.py", ".. end of the rules"
PAGE = Path(__file__).with_suffix(".rst")
PICTURE = Path(__file__).with_suffix(".svg")
COLOURS = {"any rows": "#595959", "sparse rows": "#0072b2", "a table": "#00795a", "images and embeddings": "#b34a00"}
LIMITS = {"a table": ": up to 100 columns", "images and embeddings": ": more than 100 numbers a row"}
WIDTH, LINE, CHARACTERS = 500, 19, 62
STYLE = """\
<style>
text { font: 14px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1a1a1a }
.title { font-size: 18px; font-weight: bold }
.head { font-weight: bold; fill: #fff }
.name { font: bold 13px ui-monospace, "DejaVu Sans Mono", monospace }
</style>"""


def leaf(rule: Rule, y: int, colour: str) -> tuple[list[str], int]:
    """Return the drawing of a rule, its condition above its condenser, and where it ends."""
    lines = textwrap.wrap(rule.when, CHARACTERS)
    drawn = [f'<path d="M24 {y + 10}h16" stroke="{colour}" stroke-width="2"/>']
    drawn += [f'<text x="46" y="{y + 15 + LINE * i}">{escape(line)}</text>' for i, line in enumerate(lines)]
    y += LINE * len(lines) + 4
    name = " ".join(repr(rule.condenser).split())
    width = 8 * len(name) + 20
    drawn.append(f'<rect x="64" y="{y}" width="{width}" height="24" rx="5" fill="#fff" stroke="{colour}"/>')
    drawn.append(f'<text class="name" x="74" y="{y + 16}">{escape(name)}</text>')
    drawn.append(f'<path d="M48 {y + 2}v10h13m-4 -4l4 4l-4 4" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return drawn, y + 36


def picture() -> str:
    """Return the drawing of all rules: a trunk for each kind of rows, from which conditions branch off."""
    drawn, y = ['<text class="title" x="12" y="26">Which condenser? The first that holds.</text>'], 44
    for rows, rules in groupby(RULES, key=lambda rule: rule.rows):
        colour = COLOURS[rows]
        drawn.append(f'<rect x="12" y="{y}" width="{WIDTH - 24}" height="28" rx="5" fill="{colour}"/>')
        drawn.append(f'<text class="head" x="22" y="{y + 19}">{escape(rows + LIMITS.get(rows, ""))}</text>')
        top, y = y + 28, y + 38
        for rule in rules:
            end = y + 10
            leaves, y = leaf(rule, y, colour)
            drawn += leaves
        drawn.append(f'<path d="M24 {top}V{end}" stroke="{colour}" stroke-width="2"/>')
        y += 6
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img">'
    title = "<title>Which condenser: conditions and condensers, as in the table</title>"
    return "\n".join([head, title, STYLE, f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>', *drawn, "</svg>\n"])


def listing() -> str:
    """Return the rules as a list of definitions, in reStructuredText."""
    lines = []
    for rule in RULES:
        name, settings = re.match(r"(\w+)\((.*)\)", " ".join(repr(rule.condenser).split())).groups()
        more = f" with ``{settings}``" if settings else ""
        figures = f" (:ref:`figures <{rule.section}>`)" * bool(rule.section)
        lines += [f"{rule.rows}: {rule.when}", f"   `~skdc.{name}`{more}: {rule.reason}{figures}.", ""]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the text of the page with the rules of today."""
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n\n{listing()}\n{END}{after}"


if __name__ == "__main__":
    PICTURE.write_text(picture())
    PAGE.write_text(page(PAGE.read_text()))
