"""The page of a report: one file of HTML that needs nothing from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from string import Template

from skdc.evaluation.report.pictures import Picture
from skdc.evaluation.report.sections import Lines, Section

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #5b6470; --line: #d8dde3; --page: #ffffff;
  --card: #f5f7f9; --accent: #b34700; --alarm: #fff3e0; --alarm-line: #d55e00; --link: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --quiet: #a6afba; --line: #3a424c; --page: #14181d;
  --card: #1d232a; --accent: #ff9a5c; --alarm: #3a2614; --alarm-line: #ff9a5c; --link: #7db7ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); line-height: 1.5;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 1.25rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; padding-top: .75rem; border-top: 1px solid var(--line); }
p { margin: .4rem 0; max-width: 75ch; overflow-wrap: anywhere; }
.by { color: var(--quiet); }
nav { margin: 1rem 0; display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
a { color: var(--link); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .6rem;
  margin: 1rem 0; padding: 0; }
.cards div { background: var(--card); border-radius: .5rem; padding: .6rem .8rem; }
.cards dt { color: var(--quiet); font-size: .85rem; }
.cards dd { margin: 0; font-size: 1.3rem; font-weight: 600; overflow-wrap: anywhere; }
.alarm { background: var(--alarm); border-left: 4px solid var(--alarm-line); padding: .5rem .8rem;
  border-radius: .25rem; }
.beside { display: grid; gap: .25rem 2rem; grid-template-columns: minmax(0, 1fr); }
@media (min-width: 1000px) { .beside { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); } }
.scroll { overflow-x: auto; margin: .75rem 0; }
.scroll:focus-visible { outline: 2px solid var(--link); }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .3rem; white-space: nowrap; }
th, td { text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top;
  white-space: nowrap; }
th { color: var(--quiet); font-weight: 500; }
td:first-child { white-space: normal; max-width: 14rem; overflow-wrap: break-word; }
td.words { white-space: normal; min-width: 16rem; max-width: 60ch; overflow-wrap: anywhere; }
img { display: block; width: 100%; max-width: 720px; height: auto; background: #fff; border-radius: .5rem;
  padding: .4rem; margin: .75rem 0; }
footer { margin-top: 3rem; color: var(--quiet); font-size: .85rem; }
"""
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>$title</title>
<style>$style</style>
</head>
<body>
<main>
<header>
<h1>$heading</h1>
<p class="by">$by</p>
$alarms
<dl class="cards">
$cards
</dl>
<nav aria-label="Sections">
$links
</nav>
</header>
$sections
<footer>$foot</footer>
</main>
</body>
</html>
""")
_LONG = 48  # letters of a cell that may be broken


def page(
    heading: str,
    by: str,
    cards: Sequence[tuple[str, str]],
    sections: Sequence[Section],
    pictures: Sequence[Picture],
    foot: str,
) -> str:
    """Return a page of sections; all that is said in it is escaped.

    Parameters
    ----------
    heading, by, foot : str
        Above and below.
    cards : list of (str, str)
        The few figures that stand first: names and values.
    sections : list of Section
    pictures : list of Picture
    """
    alarms = [alarm for section in sections for alarm in section.alarms]
    return _PAGE.substitute(
        title=escape(f"{heading} - condensation report"),
        style=_STYLE,
        heading=escape(heading),
        by=escape(by),
        alarms="\n".join(f'<p class="alarm">{escape(alarm)}</p>' for alarm in alarms),
        cards="\n".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in cards),
        links="\n".join(f'<a href="#{escape(one.name)}">{escape(one.title)}</a>' for one in sections),
        sections="\n".join(
            _section(one, [picture for picture in pictures if picture.section == one.name]) for one in sections
        ),
        foot=escape(foot),
    )


def framed(document: str) -> str:
    """Return a page inside another one, such as a notebook, whose style it does not touch."""
    style = "width: 100%; height: 40rem; border: 1px solid #8884"
    return f'<iframe title="report" sandbox style="{style}" srcdoc="{escape(document)}"></iframe>'


def _section(section: Section, pictures: Sequence[Picture]) -> str:
    said = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in section.sentences)
    tables = "\n".join(_table(lines) for lines in section.tables if lines.cells)
    drawn = "\n".join(f'<img alt="{escape(one.alt)}" src="{escape(one.source)}">' for one in pictures)
    body = f"<div>\n{said}\n{tables}\n</div>"
    if drawn:
        body = f'<div class="beside">\n{body}\n<div>\n{drawn}\n</div>\n</div>'
    name = escape(section.name)
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{escape(section.title)}</h2>\n{body}\n</section>'


def _table(lines: Lines) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in lines.columns)
    rows = "\n".join(f"<tr>{''.join(map(_cell, cells))}</tr>" for cells in lines.cells)
    title = escape(lines.title)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{title}">\n<table>\n<caption>{title}</caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    )


def _cell(words: str) -> str:
    return f'<td class="words">{escape(words)}</td>' if len(words) > _LONG else f"<td>{escape(words)}</td>"
