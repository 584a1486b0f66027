"""Dataset condensation for scikit-learn: turn a big training set into a tiny one."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skdc.auto import AutoCondenser as AutoCondenser
    from skdc.condensed import CondensedSet as CondensedSet
    from skdc.condensed import load as load
    from skdc.condensers import *  # noqa: F403
    from skdc.fitting.sizes import at_most as at_most
    from skdc.generative import GenerativeModel as GenerativeModel
    from skdc.meta import AsSampler as AsSampler
    from skdc.meta import CondensedEstimator as CondensedEstimator
    from skdc.partitions import Partitions as Partitions
    from skdc.pipeline import CondensingPipeline as CondensingPipeline
    from skdc.pipeline import make_condensing_pipeline as make_condensing_pipeline
    from skdc.splitting import CondensingSplit as CondensingSplit
    from skdc.suggestions import suggest as suggest

__version__ = "0.1.0"

# Beside the condensers, which `skdc.condensers` lists: `__all__` has both.
_HOMES = {
    "AsSampler": "skdc.meta",
    "AutoCondenser": "skdc.auto",
    "CondensedEstimator": "skdc.meta",
    "CondensedSet": "skdc.condensed",
    "CondensingPipeline": "skdc.pipeline",
    "CondensingSplit": "skdc.splitting",
    "GenerativeModel": "skdc.generative",
    "Partitions": "skdc.partitions",
    "at_most": "skdc.fitting.sizes",
    "load": "skdc.condensed",
    "make_condensing_pipeline": "skdc.pipeline",
    "suggest": "skdc.suggestions",
}
_TO_WRITE_CONDENSERS = {"BaseCondenser", "NamedCondenser", "Recipe"}


def __getattr__(name: str) -> Any:
    # Names are looked up when they are asked for: scikit-learn and torch take seconds to load.
    if name != "__all__" and name.startswith("_"):
        raise AttributeError(f"module 'skdc' has no attribute {name!r}")
    if find_spec(f"skdc.{name}") is not None:
        return import_module(f"skdc.{name}")
    if name in _HOMES:
        globals()[name] = getattr(import_module(_HOMES[name]), name)
        return globals()[name]
    condensers = import_module("skdc.condensers").__all__
    if name == "__all__":
        globals()[name] = sorted({*_HOMES, *condensers} - _TO_WRITE_CONDENSERS)
    elif name in condensers:
        globals()[name] = getattr(import_module("skdc.condensers"), name)
    else:
        raise AttributeError(f"module 'skdc' has no attribute {name!r}")
    return globals()[name]


def __dir__() -> list[str]:
    return [*globals(), *__getattr__("__all__")]
