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

ACRONYMS = """\
All of them have ``fit``, ``fit_transform`` and ``transform`` from `condensers.BaseCondenser`, and the parameters of
size, task, device and randomness that it lists.

The acronyms of the literature: DM is `DistributionMatching` (DSA with its `augmentation`), IDM is
`ImprovedDistributionMatching`, DC is `GradientMatching`, MTT is `TrajectoryMatching`, KIP is `KernelInducingPoints`
(DGKIP with its `loss`), LS is `LabelSolve`, LD is `LabelDistillation`, DD and RTP are `UnrolledTraining`, k-means is
`KMeansCondenser`, RPCholesky is `RandomlyPivotedCholesky`, and CRAIG is
`FacilityLocation` in the space `spaces.LastLayerGradients`. :doc:`selection` says which rows the selections choose.

``skdc.condensers``: to write condensers.
"""

DOOR = """\
``skdc.sources``: the doors to the data, which parts are handed, and ``skdc.step``, where a solve has come to.
"""


def table(module: ModuleType, names: list[str]) -> str:
    """Return the tables of the classes and of the functions among the names of a module."""
    prefix = f"{module.__name__}.".removeprefix("skdc.")
    classes = [name for name in sorted(names) if isclass(getattr(module, name))]
    functions = [name for name in sorted(names) if isfunction(getattr(module, name))]
    tables = [
        f".. autosummary::\n   :toctree: generated\n{template}\n" + "".join(f"   {prefix}{name}\n" for name in listed)
        for listed, template in ((classes, "   :template: class.rst\n"), (functions, ""))
        if listed
    ]
    return "\n".join(tables)


def heading(title: str) -> str:
    """Return a heading, with a label to refer to."""
    return f".. _api-{title.lower().replace(' ', '-')}:\n\n{title}\n{'=' * len(title)}\n"


def page() -> str:
    """Return the page."""
    made = [name for name in skdc.__all__ if isclass(cls := getattr(skdc, name)) and issubclass(cls, PairMixin)]
    others = [name for name in skdc.__all__ if name not in made]
    to_write = [name for name in condensers.__all__ if name not in made]
    parts = [OPENING, heading("Condensers"), "``skdc``\n", table(skdc, made), ACRONYMS, table(condensers, to_write)]
    parts += [heading("Pipelines and models"), "``skdc``\n", table(skdc, others)]
    for title, module in SECTIONS.items():
        parts += [heading(title), f"``{module.__name__}``. {module.__doc__.strip()}\n", table(module, module.__all__)]
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
