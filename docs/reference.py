"""Write the page of reference, which lists what the namespaces have; `make docs` does so."""

from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType

import skdc
from skdc import (
    augmentation,
    condensers,
    discrepancies,
    evaluation,
    exceptions,
    generators,
    kernels,
    learners,
    networks,
    parameterizations,
    plotting,
    preprocessing,
    privacy,
    solvers,
    sources,
    spaces,
    step,
    suggestions,
    weighting,
)
from skdc.fitting.pair import PairMixin
from skdc.parameterizations import storage
from skdc.utils import estimator_checks

PAGE = Path(__file__).with_name("api.rst")
SECTIONS = {
    "Discrepancies": discrepancies,
    "Spaces": spaces,
    "Parameterizations": parameterizations,
    "Storages": storage,
    "Generators": generators,
    "Solvers": solvers,
    "Kernels": kernels,
    "Networks": networks,
    "Augmentation": augmentation,
    "Learners": learners,
    "Privacy": privacy,
    "Weighting": weighting,
    "Preprocessing": preprocessing,
    "Evaluation": evaluation,
    "Plotting": plotting,
    "Errors and warnings": exceptions,
    "Checks of parts": estimator_checks,
}

OPENING = """\
=========
Reference
=========

.. currentmodule:: skdc
"""

SIZES = """\
All have ``fit``, ``fit_transform`` and ``transform`` from `condensers.BaseCondenser`, and the parameters of size, task,
device and randomness that it lists. The :doc:`glossary` leads from the acronyms of the literature to the classes:
DM, DC, MTT, KIP, k-means and others; :doc:`which` says which to try first.
"""

# Where classes are many: titles, what they have in common, and the modules that they are in.
FAMILIES = {
    skdc: [
        ("Any parts", "What you compose, what suits data of a kind, and what tries several.", "condenser general auto"),
        ("Rows that are chosen", "Real rows, or centres of them: :doc:`selection`.", "selection"),
        (
            "What networks see",
            "Features, gradients and the paths of training: :doc:`networks`.",
            "matching trajectories",
        ),
        ("What a teacher sees", "A teacher is trained first, makes or chooses rows, and labels them.", "decoupled"),
        ("What learners predict", "Models that are trained on the set predict the data: :doc:`networks`.", "functions"),
        (
            "Sets of few bytes",
            "How points are stored, and made of latents: :doc:`bytes`.",
            "compact generative sampling",
        ),
        ("Private sets", "The data are seen through noisy sums: :doc:`privacy`.", "private"),
    ],
    discrepancies: [
        (
            "Kernels and moments",
            "Means of features.",
            "mmd query characteristic moments nystrom stein conditional diversity",
        ),
        ("Transport and distances", "How far rows have to go.", "transport quantiles"),
        ("Likelihoods and critics", "How unlikely one set is under the other.", "divergences critics"),
        ("Aligned blocks", "Predictions, gradients, trajectories, row by row.", "aligned classification duality"),
        ("Prototypes", "Points that nearest neighbours tell classes by.", "prototypes"),
        ("Fairness", "Terms that are added to a discrepancy of predictions.", "fairness"),
        (
            "Penalties",
            "Wishes about the set alone, to be added to a discrepancy.",
            "penalties similarity teachers generative",
        ),
        (
            "Sums, groups and bases",
            "What sums are made of, and what new ones inherit.",
            "objective prefixes reduce base",
        ),
    ],
    spaces: [
        ("Data", "The rows themselves, or their latents.", "invertible encoded metric"),
        ("Features", "What layers of networks show.", "features statistics"),
        ("Gradients", "What a network would learn.", "gradients last_layer"),
        ("Parameters", "Where training leads.", "trajectories"),
        (
            "Functions",
            "What a model trained on the set predicts.",
            "functions ridge linearized neighbors unrolled estimators",
        ),
        ("Around other spaces", "Rows that are changed before they are seen.", "augmented perturbed pooled"),
        ("Bases", "What new spaces inherit.", "base"),
    ],
    solvers: [
        (
            "Numbers that move",
            "For `parameterizations.Points`, and `Descent` for `parameterizations.Drawn`.",
            "descent barycenter guided least_squares lloyd noisy_descent patches",
        ),
        ("Rows that are chosen", "For `parameterizations.Subset`.", "selection"),
        ("Bases", "What new solvers inherit, and what they say.", "base"),
    ],
    learners: [
        ("Models", "Classifiers and regressors.", "network standard kernel_ridge softened"),
        ("Defenses", "How networks are trained against attacks.", "defenses"),
        ("Pools of networks", "Where spaces take their networks from.", "pools alternating experts"),
        ("Difficulty", "How hard rows are for networks.", "difficulty"),
    ],
}

DOOR = """\
``skdc.sources``: the doors to the data, which parts are handed, and ``skdc.step``, where a solve has come to.
"""


def table(module: ModuleType, names: list[str]) -> str:
    """Return the tables of the classes and of the functions among the names of a module."""
    prefix = f"{module.__name__}.".removeprefix("skdc.")
    classes = [name for name in sorted(names) if isclass(getattr(module, name))]
    functions = [name for name in sorted(names) if isfunction(getattr(module, name))]
    tables = [
        f".. autosummary::\n   :toctree: generated\n   :nosignatures:\n{template}\n"
        + "".join(f"   {prefix}{name}\n" for name in listed)
        for listed, template in ((classes, "   :template: class.rst\n"), (functions, ""))
        if listed
    ]
    return "\n".join(tables)


def family(found: object, families: list[tuple[str, str, str]]) -> str:
    """Return the title of the family to which a class or a function belongs, by its module."""
    folders = found.__module__.split(".")
    titles = {module: title for title, _, modules in families for module in modules.split()}
    return next(titles[folder] for folder in reversed(folders) if folder in titles)


def tables(module: ModuleType, names: list[str]) -> str:
    """Return the tables of a module, family by family where it has families."""
    families = FAMILIES.get(module)
    if families is None:
        return table(module, names)
    parts = []
    for title, common, _ in families:
        members = [name for name in names if family(getattr(module, name), families) == title]
        if members:
            parts += [f"{title}\n{'-' * len(title)}\n", f"{common}\n", table(module, members)]
    return "\n".join(parts)


def heading(title: str) -> str:
    """Return a heading, with a label to refer to."""
    return f".. _api-{title.lower().replace(' ', '-')}:\n\n{title}\n{'=' * len(title)}\n"


def page() -> str:
    """Return the page."""
    made = [name for name in skdc.__all__ if isclass(cls := getattr(skdc, name)) and issubclass(cls, PairMixin)]
    others = [name for name in skdc.__all__ if name not in made]
    to_write = [name for name in condensers.__all__ if name not in made]
    to_begin = ["suggest", "CondensedSet", "load", "at_most"]
    parts = [OPENING, heading("Condensers"), SIZES, tables(skdc, made)]
    parts += ["Bases\n-----\n", "``skdc.condensers``: to write condensers.\n", table(condensers, to_write)]
    parts += [heading("Sets and suggestions"), "``skdc``\n", table(skdc, to_begin)]
    parts += [table(suggestions, [name for name in suggestions.__all__ if name not in to_begin])]
    parts += [heading("Pipelines and models"), "``skdc``\n", table(skdc, sorted({*others} - {*to_begin}))]
    for title, module in SECTIONS.items():
        parts += [heading(title), f"``{module.__name__}``. {module.__doc__.strip()}\n", tables(module, module.__all__)]
    return "\n".join(
        [
            *parts,
            heading("Data"),
            DOOR,
            table(sources, [name for name in sources.__all__ if not name.startswith("sparse")]),
            table(step, ["Step"]),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page())
