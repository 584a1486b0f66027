"""What is given where a part is asked for, and is none: what was meant, and where it is imported from."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import isclass
from types import ModuleType
from typing import Any

import torch
from sklearn import ensemble

from skdc import (
    augmentation,
    discrepancies,
    generators,
    kernels,
    learners,
    networks,
    parameterizations,
    privacy,
    solvers,
    spaces,
)
from skdc.parameterizations import storage

# Where the objects of a parameter come from, and one of them.
_PLACES: dict[str, tuple[ModuleType, str]] = {
    "discrepancy": (discrepancies, "MMD"),
    "reweight": (discrepancies, "MMD"),
    "space": (spaces, "Standardized"),
    "parameterization": (parameterizations, "Points"),
    "storage": (storage, "Free"),
    "inner": (storage, "Free"),
    "generator": (generators, "LinearGenerator"),
    "solver": (solvers, "Descent"),
    "privacy": (privacy, "GaussianMechanism"),
    "kernel": (kernels, "Gaussian"),
    "target_kernel": (kernels, "Gaussian"),
    "network": (networks, "MLP"),
    "networks": (learners, "RandomNetworks"),
    "experts": (learners, "Experts"),
    "difficulty": (learners, "EL2N"),
    "augmentation": (augmentation, "SiameseAugmentation"),
    "crop": (augmentation, "ResizedCrop"),
    "optimizer": (torch.optim, "Adam"),
    "teacher": (ensemble, "RandomForestClassifier"),
}

# What the objects of a parameter derive from, where they do.
_KINDS: dict[str, type] = {
    "space": spaces.Space,
    "kernel": kernels.Kernel,
    "target_kernel": kernels.Kernel,
    "networks": learners.NetworkPool,
    "experts": learners.Experts,
    "generator": generators.Generator,
    "storage": storage.Storage,
    "inner": storage.Storage,
}


def refuse_others(parts: Iterable[tuple[str, Any]]) -> None:
    """Refuse what is no part in place of parts, and of what the parts are made of: words, classes, other objects.

    Parameters
    ----------
    parts : iterable of (str, object)
        Names and values.
    """
    for name, part in parts:
        given = {name: part}
        if hasattr(part, "get_params") and not isclass(part) and not _has_own_words(part):
            deep = part.get_params()
            # A condenser inside, and estimators of other libraries, have words of their own.
            inner = tuple(f"{path}__" for path, value in deep.items() if _has_own_words(value))
            given |= {path: value for path, value in deep.items() if not path.startswith(inner)}
        for path, value in given.items():
            _refuse_other(path.rsplit("__", 1)[-1], value)


def _refuse_other(place: str, value: Any) -> None:
    if isinstance(value, str) and place in _PLACES:
        raise TypeError(f"{place}={value!r} is a word, where an object is asked for; {_advice(place, value)}")
    if place in _KINDS and value is not None and not isinstance(value, _KINDS[place]):
        word = value.__name__ if isclass(value) else ""
        what = f"the class {word}, where an object is asked for" if word else f"no {_KINDS[place].__name__}"
        raise TypeError(f"{place}={value!r} is {what}; {_advice(place, word)}")


def _has_own_words(part: Any) -> bool:
    return hasattr(part, "chooser") or (hasattr(part, "fit") and not type(part).__module__.startswith("skdc."))


def _advice(place: str, word: str) -> str:
    """Return what to give in place of a word."""
    module, example = _PLACES[place]
    own = [part for part in vars(module).values() if isclass(part) and part.__module__.startswith(module.__name__)]
    known = {part.__name__.lower(): part.__name__ for part in own if part.__name__[0] != "_"}
    plain = "".join(letter for letter in word.lower() if letter.isalnum())
    near = [known[name] for name in get_close_matches(plain, known, n=3, cutoff=0.6)]
    name = near[0] if near else example
    call = name if module is torch.optim else f"{name}()"
    others = f" (or {' or '.join(near[1:])})" if near[1:] else ""
    return f"{'did you mean' if near else 'give one such as'} {call}{others}: from {module.__name__} import {name}"
