"""Try every discrepancy in every space with every parameterization and solver, and write what works.

`make docs` does so where code has changed; it takes a minute or two of one core.
"""

import inspect
import os
import traceback
from itertools import product
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone

import skdc
from skdc import Condenser, discrepancies, spaces
from skdc.discrepancies import Discrepancy
from skdc.exceptions import PartsError
from skdc.generators import LinearGenerator
from skdc.learners import Experts, OnlineNetworks
from skdc.networks import MLP
from skdc.parameterizations import Points, Subset
from skdc.solvers import Descent, Greedy, Lloyd
from skdc.spaces import Identity, Space

PAGE = Path(__file__).with_suffix(".rst")
SMALL = MLP(width=4, depth=1)
# What parts need to be quick, or to know before the first chunk of a stream, by the names of their parameters.
SETTINGS = {
    "bandwidth": 1.0,
    "n_features": 8,
    "n_frequencies": 8,
    "center": 0.0,
    "scale": 1.0,
    "target_weight": 1.0,
    "network": SMALL,
    "networks": OnlineNetworks(SMALL, n_networks=2),
    "space": Identity(),  # inside of a space
    "image_shape": (1, 3),
    "n_iterations": 2,
    "n_steps": 2,
    "experts": Experts(SMALL, n_experts=1, n_segments=2, n_expert_steps=2),
    "n_student_steps": 2,
    "generator": LinearGenerator(2),
    "query": np.ones((2, 3)),
}
QUICK = Descent(n_steps=2)
COLUMNS = {
    "``Points()``, ``Descent()``": (Points(), QUICK),
    "``Points(labels='learned')``, ``Descent()``": (Points(labels="learned"), QUICK),
    "``Points()``, ``Lloyd()``": (Points(), Lloyd()),
    "``Subset()``, ``Greedy()``": (Subset(), Greedy(n_trials=2)),
}

INTRODUCTION = """\
===================
Tested combinations
===================

Not everything composes: what is not listed here is refused by ``fit``, in a sentence that says which two parts do
not go together and what to use instead. The page is made by trying every combination on small data.

The letters say for which targets a combination works: **c** for classes, **r** for continuous targets, **u** for data
without targets. Spaces that take the sets as a whole are here with ``by=None`` in the discrepancy; ``ConditionalMMD``
and ``LabeledTransport`` have it, since they look at the labels themselves. The last column says where
``partial_fit`` is there, given what a first chunk cannot show (``bandwidth``, ``target_weight``).

``AttentionMaps`` needs images, and is not in the table: it goes where ``NetworkFeatures`` goes. ``Augmented`` needs
images too; its rows are those of the space inside, here ``Identity()``, for images of one by three pixels, as are those
of ``Perturbed``.

``LayerStatistics`` knows the data by means and variances alone, and goes with what sees no more of them.

``PatchChoice()``, which makes points by their teacher, ``Draw()`` and ``Rank()`` are not in the table: they minimise
nothing and take no discrepancy. Nor is ``DualityGap``, which takes no space, nor ``Points(labels='learned')`` for
continuous targets, which are part of the joint law of (x, y) and always move.
"""

CLOSING = """\
Rules behind the table
======================

* A discrepancy between clouds needs a pointwise space; one between aligned blocks needs a space that yields them.
* ``Descent``, ``Lloyd`` and ``Barycenter`` move values (``Points``); the other solvers choose rows (``Subset``).
* A parameter that gets no gradient is an error: learned labels need a space that reads the labels of the synthetic
  set, and continuous targets a space that sees them, such as ``Joint()``, the default for regression.
* ``Greedy`` chooses rows for any discrepancy: exactly for mean embeddings, ``QuantizationError`` and
  ``CoveringRadius``, by trials for the others.
* ``Halving`` and ``Pursuit`` need a squared distance of mean embeddings, ``Pivots`` needs ``NystromError``;
  ``Rank`` and ``Draw`` minimise nothing and take no discrepancy. ``Snap`` takes what the solver inside it takes.
* ``Lloyd`` minimises ``QuantizationError``, and ``Barycenter`` ``Wasserstein``, both squared, in a space that maps
  means back to rows.
* Spaces that train networks or solve for predictions need targets, and at least two classes.
* ``AnyClass`` needs distances of mean embeddings with ``by=None``, such as ``QueryMMD``.
* ``PatchChoice`` needs ``Points(labels="teacher")``, and takes no discrepancy.
* A stream needs a discrepancy that sees the data through mean features only, in a space that stays as it is, and
  points that start at rows.
* Terms of a sum keep these rules each; ``partial_fit`` is there where every term has it.
"""


def concrete(module, base):
    """Return the concrete public classes of a kind, in the order of the alphabet."""
    classes = [getattr(module, name) for name in sorted(module.__all__)]
    return [cls for cls in classes if inspect.isclass(cls) and issubclass(cls, base) and not inspect.isabstract(cls)]


def small_data():
    """Return rows with the three kinds of targets."""
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(24, 3)), np.repeat([0, 1], 12)
    return {"c": (X + labels[:, None], labels), "r": (X, X.sum(axis=1)), "u": (X, None)}


DATA = small_data()


def fit(condenser, X, y):
    """Condense all rows at once."""
    condenser.fit(X, y)


def stream(condenser, X, y):
    """Condense two chunks, the second of which holds another class."""
    for chunk in (slice(0, 12), slice(12, 24)):
        classes = [0, 1] if y is not None and y.dtype.kind == "i" else None
        condenser.partial_fit(X[chunk], None if y is None else y[chunk], classes=classes)
    assert np.isfinite(condenser.X_syn_).all()


def works(method, condenser, X, y):
    """Tell whether condensing works; a refusal must come from skdc itself, not from a library below it."""
    try:
        method(clone(condenser), X, y)
    except PartsError as error:
        place = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
        if Path(skdc.__file__).parent not in place.parents:
            raise
        return False
    return True


def letters(method, condenser):
    """Return the letters of the targets for which condensing works."""
    return "".join(letter for letter, data in DATA.items() if works(method, condenser, *data))


def part(cls, **settings):
    """Make a quick part."""
    names = inspect.signature(cls).parameters
    return cls(**{name: value for name, value in SETTINGS.items() if name in names} | settings)


def row(discrepancy, space):
    """Return the cells of a combination of a discrepancy and a space."""
    settings = {"space": part(space)}
    if "by" in inspect.signature(discrepancy).parameters:
        settings["by"] = None if space.splits in ("rows", "never") else discrepancy().by
    objective = part(discrepancy, **settings)
    sizes = {"n_samples": 4, "random_state": 0}
    condensers = [Condenser(objective, *parts, **sizes) for parts in COLUMNS.values()]
    cells = [letters(fit, condenser) for condenser in condensers]
    cells[1] = cells[1].replace("r", "")  # the same as hard labels: continuous targets always move
    return cells + [letters(stream, condensers[0]) if hasattr(condensers[0], "partial_fit") else ""]


def found():
    """Return the cells by discrepancy and space, without those where nothing works."""
    with_space = [cls for cls in concrete(discrepancies, Discrepancy) if "space" in inspect.signature(cls).parameters]
    pairs = [*product(with_space, concrete(spaces, Space))]
    rows = Parallel(n_jobs=int(os.environ.get("WORKERS", "1")))(delayed(row)(*pair) for pair in pairs)
    return {pair: cells for pair, cells in zip(pairs, rows, strict=True) if any(cells)}


def table(rows):
    """Return the lines of the table."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    lines += _line(["discrepancy", "space", *COLUMNS, "``partial_fit``"])
    for (discrepancy, space), cells in rows.items():
        names = [f"`~skdc.discrepancies.{discrepancy.__name__}`", f"`~skdc.spaces.{space.__name__}`"]
        lines += _line(names + [" ".join(cell) or "–" for cell in cells])
    return lines


def _line(cells):
    return [f"   * - {cells[0]}"] + [f"     - {cell}" for cell in cells[1:]]


def is_current():
    """Tell whether the page is younger than all code that it tries, and than this program."""
    code = [Path(__file__), *Path(skdc.__file__).parent.rglob("*.py")]
    return PAGE.exists() and PAGE.stat().st_mtime > max(path.stat().st_mtime for path in code)


def page():
    """Return the page."""
    return "\n".join([INTRODUCTION, *table(found()), "", CLOSING])


if __name__ == "__main__":
    PAGE.write_text(page())
