"""Dataset condensation for scikit-learn: turn a big training set into a tiny one."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skdc.auto import AutoCondenser
    from skdc.condensers import (
        CAFE,
        M3D,
        NCFM,
        RCIG,
        RFAD,
        WMDD,
        Condenser,
        DataDAM,
        DistributionMatching,
        FacilityLocation,
        FRePo,
        GeneralCondenser,
        GradientMatching,
        GradMatch,
        GreedyKernelPoints,
        ImprovedDistributionMatching,
        KCenter,
        KernelHerding,
        KernelInducingPoints,
        KernelThinning,
        KMeansCondenser,
        KMedoids,
        LabelDistillation,
        LabelSolve,
        OptimalTransportMatching,
        PrivateGradientMatching,
        PrivateKernelInducingPoints,
        PrivateMeanEmbedding,
        RandomlyPivotedCholesky,
        RandomSubset,
        SoftLabelRandom,
        SteinThinning,
        TabularCondenser,
        TrajectoryMatching,
        UncertaintySubset,
        UnrolledTraining,
        WassersteinCoreset,
    )
    from skdc.condensers.sizes import at_most
    from skdc.meta import AsSampler, CondensedEstimator
    from skdc.pipeline import CondensingPipeline, make_condensing_pipeline

__version__ = "0.1.0"

__all__ = [
    "CAFE",
    "M3D",
    "NCFM",
    "RCIG",
    "RFAD",
    "WMDD",
    "AsSampler",
    "AutoCondenser",
    "CondensedEstimator",
    "Condenser",
    "CondensingPipeline",
    "DataDAM",
    "DistributionMatching",
    "FRePo",
    "FacilityLocation",
    "GeneralCondenser",
    "GradMatch",
    "GradientMatching",
    "GreedyKernelPoints",
    "ImprovedDistributionMatching",
    "KCenter",
    "KMeansCondenser",
    "KMedoids",
    "KernelHerding",
    "KernelInducingPoints",
    "KernelThinning",
    "LabelDistillation",
    "LabelSolve",
    "OptimalTransportMatching",
    "PrivateGradientMatching",
    "PrivateKernelInducingPoints",
    "PrivateMeanEmbedding",
    "RandomSubset",
    "RandomlyPivotedCholesky",
    "SoftLabelRandom",
    "SteinThinning",
    "TabularCondenser",
    "TrajectoryMatching",
    "UncertaintySubset",
    "UnrolledTraining",
    "WassersteinCoreset",
    "at_most",
    "make_condensing_pipeline",
]


_HOMES = "skdc.condensers", "skdc.condensers.sizes", "skdc.meta", "skdc.pipeline", "skdc.auto"


def __getattr__(name: str) -> Any:
    # Names are looked up when they are asked for: scikit-learn and torch take seconds to load.
    if name in __all__:
        homes = map(import_module, _HOMES)
        globals()[name] = next(getattr(home, name) for home in homes if hasattr(home, name))
        return globals()[name]
    if not name.startswith("_") and find_spec(f"skdc.{name}") is not None:
        return import_module(f"skdc.{name}")
    raise AttributeError(f"module 'skdc' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
