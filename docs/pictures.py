"""Draw the pictures of the benchmarks from the tables of their own pages; `python docs/pictures.py` writes them."""

import math
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import wrap

PAGES = Path(__file__).with_name("benchmarks")
WIDTH, LEFT, RIGHT, TOP, STEP = 560, 24, 24, 92, 37
LINE, LONGEST = 22, 54  # of what does not fit beside, and characters of a title that do
# Each with a shape of its own, for those who do not tell the colours apart.
COLOURS = ("#0072b2", "#d55e00", "#007a5a", "#aa4499")
SHAPES = (
    '<circle cx="{x}" cy="{y}" r="5.5"/>',
    '<rect x="{x}" y="{y}" width="10" height="10" transform="translate(-5 -5)"/>',
    '<path d="M{x} {y}m0 -7l7 12h-14z"/>',
    '<path d="M{x} {y}m0 -7l7 7l-7 7l-7 -7z"/>',
)
STYLE = """\
<style>
text { font: 14px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1a1a1a }
.title { font-size: 17px; font-weight: bold }
.tick { font-size: 12px; text-anchor: middle }
</style>"""


@dataclass(frozen=True)
class Picture:
    """A row for each line of a table, with a mark for each column that is shown.

    Parameters
    ----------
    name : str
        Of the page, at whose top it stands, and of the file.
    title, unit : str
    after : str
        A heading or another line after which the table comes.
    labels : tuple of str
        Columns that together name a row.
    columns : tuple of str
        Columns that are shown, four at most.
    keep : str, default=""
        A pattern of the lines of the table that are shown; the others are in the table.
    page : str, default=""
        Where the table is, if not on the page itself.
    logarithmic : bool, default=False
    """

    name: str
    title: str
    unit: str
    after: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    keep: str = ""
    page: str = ""
    logarithmic: bool = False

    def rows(self) -> list[tuple[str, list[float | None]]]:
        """Return the labels and the numbers of the table."""
        text = (PAGES / f"{self.page or self.name}.md").read_text()
        table = re.search(r"^\|.*\n\|[- |:]+\n(\|.*\n)+", text[text.index("\n" + self.after) :], re.M)[0].splitlines()
        header, *lines = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table]
        places = [header.index(column) for column in self.columns]
        named = [header.index(column) for column in self.labels]
        found = []
        for source, line in zip(table[2:], lines[1:], strict=True):
            if re.search(self.keep, source):
                cells = [*line, *[""] * (len(header) - len(line))]
                label = ", ".join(cells[place] for place in named).replace("`", "")
                found.append((label, [number(cells[place]) for place in places]))
        return found

    def svg(self) -> str:
        """Return the drawing."""
        rows = self.rows()
        values = [value for _, found in rows for value in found if value is not None]
        axis, (head_lines, top) = Axis.of(values, self.logarithmic), self.head()
        end = top + STEP * len(rows)
        height, drawn = end + 44, list(head_lines)
        for tick in axis.ticks():
            x = axis.place(tick)
            drawn.append(f'<path d="M{x} {top - 8}V{end}" stroke="#ccc"/>')
            drawn.append(f'<text class="tick" x="{x}" y="{end + 16}">{tick:g}</text>')
        drawn.append(f'<text class="tick" x="{WIDTH / 2:g}" y="{end + 36}">{escape(self.unit)}</text>')
        for place, (label, found) in enumerate(rows):
            y = top + STEP * place
            drawn.append(f'<text x="12" y="{y + 10}">{escape(label)}</text>')
            drawn.append(f'<path d="M{LEFT} {y + 22}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
            marks = zip(SHAPES, COLOURS, found, strict=False)
            drawn += [mark(shape, colour, axis.place(v), y + 22) for shape, colour, v in marks if v is not None]
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        )
        background = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        return "\n".join(
            [f'{head} role="img">', f"<title>{escape(self.title)}</title>", STYLE, background, *drawn, "</svg>\n"]
        )

    def head(self) -> tuple[list[str], int]:
        """Return the title and what each mark stands for, in lines that fit, and where the rows begin."""
        titles = wrap(self.title, LONGEST)
        drawn = [
            f'<text class="title" x="12" y="{26 + LINE * i}">{escape(line)}</text>' for i, line in enumerate(titles)
        ]
        x, y = 20.0, 54 + LINE * (len(titles) - 1)
        for shape, colour, column in zip(SHAPES, COLOURS, self.columns, strict=False):
            width = 44 + 7.6 * len(column)
            if x > 20 and x + width - 32 > WIDTH:
                x, y = 20.0, y + LINE
            drawn += [mark(shape, colour, x, y), f'<text x="{x + 12:g}" y="{y + 5}">{escape(column)}</text>']
            x += width
        return drawn, y + TOP - 54


@dataclass(frozen=True)
class Axis:
    """Where numbers stand on the page."""

    low: float
    high: float
    logarithmic: bool

    @classmethod
    def of(cls, values: list[float], logarithmic: bool) -> "Axis":
        """Return an axis that holds values, with room on both sides."""
        low, high = min(values), max(values)
        if logarithmic:
            return cls(low / 1.3, high * 1.3, True)
        room = 0.04 * (high - low)
        return cls(low - room, high + room, False)

    def place(self, value: float) -> float:
        """Return the place of a value, in units of the picture."""
        scale = math.log if self.logarithmic else float
        share = (scale(value) - scale(self.low)) / (scale(self.high) - scale(self.low))
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def ticks(self) -> list[float]:
        """Return round numbers between the ends."""
        if self.logarithmic:
            ticks = [digit * 10.0**power for power in range(-4, 6) for digit in (1, 2, 5)]
        else:
            step = min((s * 10.0**p for p in range(-3, 5) for s in (1, 2, 5)), key=lambda s: abs(6 - self.span / s))
            ticks = [round(step * i, 6) for i in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        return [tick for tick in ticks if self.low <= tick <= self.high]

    @property
    def span(self) -> float:
        """What lies between the ends."""
        return self.high - self.low


def mark(shape: str, colour: str, x: float, y: float) -> str:
    """Return a mark."""
    return f'<g fill="{colour}" fill-opacity="0.85">{shape.format(x=f"{x:g}", y=f"{y:g}")}</g>'


def number(cell: str) -> float | None:
    """Return the first number of a cell."""
    found = re.match(r"\W*?(-?\d+(\.\d+)?)", cell)
    return float(found[1]) if found else None


ACCURACY = "accuracy in percent"
PICTURES = (
    Picture(
        "images",
        "MNIST, ten images a class",
        ACCURACY,
        "## mnist, 10 per class",
        ("method",),
        ("logistic", "1-NN", "MLP", "forest"),
        page="images_tables",
    ),
    Picture(
        "images_defaults",
        "MNIST: points within the range of the data, or anywhere",
        ACCURACY,
        "## Within the range",
        ("10 per class", "range"),
        ("logistic", "SVC", "1-NN", "MLP"),
        keep="^. MNIST",
    ),
    Picture(
        "learners",
        "Fashion-MNIST, ten images a class",
        ACCURACY,
        "## Features and predictions",
        ("method",),
        ("logistic", "1-NN", "MLP", "forest"),
    ),
    Picture(
        "priors",
        "Fashion-MNIST, ten images a class",
        ACCURACY,
        "### Fashion-MNIST",
        ("set",),
        ("logistic", "1-NN", "MLP", "forest"),
        keep="^((?!4 bits|weights|no penalty).)*$",
    ),
    Picture(
        "priors_frames",
        "credit_g, 25 rows a class",
        "area under the curve, in percent",
        "### credit_g",
        ("credit_g",),
        ("logistic", "1-NN", "MLP", "forest"),
        keep="^((?!weights).)*$",
    ),
    Picture(
        "pruning",
        "Shares of the rows, mean of three data sets and two learners",
        "points of accuracy above random rows",
        "## Mean by share",
        ("labels drawn anew", "share"),
        ("easiest", "CCS, cut-off 0.3", "CoverageCentricSelection", "MessagePassingSelection"),
    ),
    Picture(
        "query",
        "Rows of the data for a model that is used on others",
        "points of accuracy above random rows, boosting",
        "## Accuracy under covariate shift",
        ("data", "rows"),
        ("random rows, weighted", "drawn by importance", "submodlib, facility location", "QuerySelection"),
        keep="boosting",
    ),
    Picture(
        "embeddings",
        "A tenth of the rows are near copies: how long it takes to find them",
        "CPU seconds, one thread",
        "## Embeddings and texts",
        ("rows", "columns", "way"),
        ("CPU s",),
        keep=r"00,000 \| (300|1,024|4,096) \| (?!.*(over|memory))",
        logarithmic=True,
    ),
    Picture(
        "diversity",
        "Rows unlike each other, chosen of more and more",
        "CPU seconds, one thread",
        "## Time and objectives",
        ("rows", "chosen", "objective", "by"),
        ("CPU s",),
        keep=r"[0-9] \| (max-min|graph cut|log-determinant)",
        logarithmic=True,
    ),
    Picture(
        "guided",
        "Fashion-MNIST, ten images a class",
        ACCURACY,
        "### Fashion-MNIST, guided",
        ("set",),
        ("logistic", "1-NN", "MLP", "forest"),
        keep="^((?!drawn|long steps|CondensedGenerator, (MMD|adv)).)*$",
    ),
    Picture(
        "decoupled",
        "Magic: ten rows a class of a teacher",
        "accuracy in percent of an MLP",
        "### magic",
        ("method",),
        ("hard labels", "soft labels"),
    ),
    Picture(
        "convolutional",
        "How convolution is quickest on the processor",
        "milliseconds, without the settings of the memory",
        "How convolution is quickest",
        ("width", "way"),
        ("forward, 500 rows", "forward and backward, 100 rows"),
        logarithmic=True,
    ),
    Picture(
        "tables",
        "Six tables with classes, six models",
        "regret: 0 is as good as all rows, 1 as random ones",
        "Classes: Titanic",
        ("method",),
        ("10 a class", "50 a class", "100 a class"),
    ),
    Picture(
        "growth",
        "1,000 rows out of ten thousand to a million",
        "seconds, one thread",
        "## 1,000 rows out of more and more",
        ("method",),
        ("10,000: s, MiB", "100,000: s, MiB", "1,000,000: s, MiB"),
        logarithmic=True,
    ),
    Picture(
        "splits",
        "Five sets of each table: how far from the whole",
        "energy distance, times 10,000",
        "Five sets:",
        ("table",),
        ("random", "stratified", "twinning", "CondensingSplit"),
        logarithmic=True,
    ),
    Picture(
        "neighbors",
        "One nearest neighbour on a share of the rows",
        "accuracy in percent",
        "### A share of the rows",
        ("table", "% kept"),
        ("RandomSubset", "KMedoids", "DecrementalReduction", "LearningVectorQuantization"),
        keep="^((?!california|abalone).)*$",
    ),
    Picture(
        "values",
        "Wrong labels among the rows of the lowest values",
        "found, in percent",
        "### Found, in percent",
        ("method",),
        ("magic", "phoneme", "segment", "digits"),
    ),
    Picture(
        "partitions",
        "Ten million rows in pieces, read again for each pass",
        "CPU seconds",
        "## Rows in pieces",
        ("set", "read by"),
        ("CPU s",),
        keep=r"^\| 10M",
    ),
    Picture(
        "default",
        "Rows a class: mean regret over ten tables, six models",
        "regret: 0 is as good as all rows, 1 no better than ten random rows a class",
        "### Classes",
        ("size", "table"),
        ("random rows", "k-means", "k-medoids", "the default"),
        keep=r"\| mean \|",
    ),
    Picture(
        "shares",
        "Shares of tables: what is lost, as a part of what random rows lose",
        "0 is as good as all rows, 1 no better than random rows",
        "## Shares of a table",
        ("table", "share"),
        ("KMedoids", "KMeansCondenser", "TabularCondenser, random rows", "TabularCondenser"),
        keep="^((?!generated).)*$",
    ),
    Picture(
        "tables_defaults",
        "Arrays, ten rows a class, mean of five learners",
        ACCURACY,
        "Mean accuracy of five learners",
        ("array",),
        ("random rows", "Condenser()", "GeneralCondenser()", "KMedoids()"),
    ),
    Picture(
        "adult",
        "Adult, fifty rows a class",
        ACCURACY,
        "### adult, 50 per class",
        ("method",),
        ("logistic", "1-NN", "forest", "boosting"),
    ),
    Picture(
        "fairness",
        "Adult, fifty rows a class, groups by sex",
        "difference between groups: 0 is fair",
        "### sex, 50 per class",
        ("set",),
        ("equalized odds", "demographic parity"),
    ),
    Picture(
        "robustness",
        "Fashion-MNIST, with terms for the worst class",
        ACCURACY,
        "### The worst class",
        ("fashion_mnist, 10 per class, 3 seeds", "learner"),
        ("mean accuracy", "worst class", "worst cluster"),
    ),
    Picture(
        "attacks",
        "Fashion-MNIST, ten images a class, a ConvNet",
        ACCURACY,
        "## Attacks",
        ("fashion_mnist, 10 per class",),
        ("clean", "Square", "PGD"),
    ),
    Picture(
        "nested",
        "MNIST: the first points of sets of ten a class",
        ACCURACY,
        "### mnist, 2 seeds",
        ("set",),
        ("1", "2", "5", "10"),
    ),
    Picture(
        "trajectories",
        "MNIST: an MLP trained on ten points a class",
        ACCURACY,
        "### mnist, test rows",
        ("method",),
        ("hard labels", "soft labels"),
    ),
    Picture(
        "continual",
        "MNIST in five tasks of two classes: 100 rows are kept",
        ACCURACY,
        "### mnist, 2 seeds",
        ("memory",),
        ("network: last", "kernel ridge", "logistic", "1-NN"),
    ),
    Picture(
        "small",
        "MNIST: memory of fits",
        "MiB above the process, the data counted",
        "### memory",
        ("recipe",),
        ("peak MiB above the process",),
    ),
    Picture(
        "private",
        "MNIST, ten images a class",
        ACCURACY,
        "## Private sets",
        ("MNIST",),
        ("SVC", "MLP"),
    ),
    Picture(
        "audits",
        "Which rows were among the data?",
        "area under the curve: 0.5 is a coin",
        "**Membership.**",
        ("set",),
        ("closest: AUC", "ratios: AUC"),
    ),
    Picture(
        "selection",
        "100 rows: MMD over that of the best peer",
        "below 1 is better",
        "## Selection: quality",
        ("MMD ÷ that of the best peer",),
        ("mnist 100", "adult 100", "magic 100"),
    ),
    Picture(
        "selection_time",
        "100 rows: seconds over those of the peer",
        "below 1 is quicker",
        "10,000 rows of MNIST",
        ("ours", "peer"),
        ("ratio",),
        keep=r"^. 100 .*(coreax|goodpoints|apricot|kmedoids|imbalanced)",
        logarithmic=True,
    ),
    Picture(
        "storages",
        "MNIST at the bytes of one image a class",
        "accuracy in percent of kernel ridge regression",
        "## MNIST, one image a class",
        ("mnist, 784 bytes a class",),
        ("ridge, pixels", "ridge, edges", "own"),
    ),
    Picture(
        "storages_convnet",
        "MNIST at the bytes of one image a class, the standard ConvNet",
        "accuracy in percent",
        "## The standard ConvNet",
        ("mnist, 784 bytes a class",),
        ("ConvNet",),
    ),
    Picture(
        "private_moments",
        "Epsilon 1, ten images a class, one release",
        "accuracy in percent of a support vector machine",
        "## Second moments in one release",
        ("mean features of one release, points",),
        ("MNIST, SVC", "Fashion-MNIST, SVC"),
    ),
    Picture(
        "discrepancies",
        "The digits, ten rows a class; discrepancies as they come",
        "accuracy",
        "## Discrepancies on the digits",
        ("discrepancy",),
        ("logistic", "1-NN", "MLP"),
        keep=r"^. (`\w+\(\)`|random)",
    ),
    Picture(
        "searches",
        "Does a search on a set order forty settings as one on all rows?",
        "Kendall's tau: 1 is the same order, 0 is none",
        "## Searches",
        ("set",),
        ("tau, 1%", "tau, 5%", "tau, 10%"),
    ),
    Picture(
        "slow_learners",
        "Magic: accuracy by the number of rows",
        ACCURACY,
        "### magic",
        ("learner", "set"),
        ("100", "300", "1000", "3000"),
        keep="^((?!all rows).)*$",
    ),
    Picture(
        "speed",
        "Default fits to 10,000 images of MNIST, one thread",
        "CPU seconds",
        "## Time before and after",
        ("method",),
        ("before", "after"),
        logarithmic=True,
    ),
)


if __name__ == "__main__":
    for picture in PICTURES:
        (PAGES / f"{picture.name}.svg").write_text(picture.svg())
