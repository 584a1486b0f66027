"""Methods by name; what there is, the namespace says."""

from __future__ import annotations

import re
from importlib import import_module
from inspect import getdoc, isabstract, isclass
from typing import Any

import skdc
from skdc.auto import AutoCondenser
from skdc.cli.errors import UsageError, nearest
from skdc.fitting.base import BaseCondenser

_ACRONYM = re.compile(r"\((?:after )?([A-Z][\w+-]*)\)")  # "(DM)", in the summary of a class


def method_names() -> dict[str, type[Any]]:
    """Return the condensers by the names that are shown for them.

    Examples
    --------
    >>> from skdc.cli.methods import method_names
    >>> [name for name in method_names() if name.startswith("k")]
    ['k-center', 'k-means', 'k-medoids', 'kernel-herding', 'kernel-inducing-points', 'kernel-thinning']
    """
    return {_shown(condenser): condenser for condenser in _condensers()}


def method(name: str) -> type[Any]:
    """Return the condenser of a name: that of its class in any case, with hyphens or without, or its acronym.

    Raises
    ------
    UsageError
        If there is none, or there are several.

    Examples
    --------
    >>> from skdc.cli.methods import method
    >>> method("k_medoids").__name__, method("DM").__name__, method("distribution-matching").__name__
    ('KMedoids', 'DistributionMatching', 'DistributionMatching')
    """
    known: dict[str, type[Any]] = {}
    for condenser in _condensers():
        for word in (*_ACRONYM.findall(summary(condenser)), _shown(condenser), condenser.__name__):
            known[_plain(word)] = condenser
    if _plain(name) in known:
        return known[_plain(name)]
    raise UsageError(f"there is no method {name!r}{_hint(name, known)}; 'skdc methods' lists all")


def families() -> list[tuple[str, list[type[Any]]]]:
    """Return what each family of condensers has in common, and its members."""
    found: dict[str, list[type[Any]]] = {}
    for condenser in _condensers():
        found.setdefault(_family(condenser), []).append(condenser)
    return sorted(found.items())


def summary(condenser: type[Any]) -> str:
    """Return the first sentence of the documentation of a condenser, without marks of references."""
    first = " ".join((getdoc(condenser) or "").partition("\n\n")[0].split())
    return re.sub(r" \[\d+\]_", "", first)


def line_of(condenser: type[Any]) -> str:
    """Return the name that is shown for a condenser, and its summary."""
    return f"{_shown(condenser):32}{summary(condenser)}"


def _condensers() -> list[type[Any]]:
    found = (getattr(skdc, name) for name in skdc.__all__)
    return [
        each
        for each in found
        if isclass(each) and (issubclass(each, BaseCondenser) or each is AutoCondenser) and not isabstract(each)
    ]


def _family(condenser: type[Any]) -> str:
    """Return the first line that the folder, or the file, of a condenser says of itself."""
    parts = condenser.__module__.split(".")
    package = ".".join(parts[:3]) if parts[1] == "condensers" else ".".join(parts[:2])
    return (import_module(package).__doc__ or package).strip().splitlines()[0]


def _shown(condenser: type[Any]) -> str:
    """Return words with hyphens: "KMeansCondenser" is "k-means"."""
    name = condenser.__name__.removesuffix("Condenser") or condenser.__name__
    words = re.findall(r"[A-Z]+(?![a-z])(?:[0-9]+[A-Z]*)?|[A-Z][a-z]+", name)
    readable = all(len(word) > 2 or word == "K" for word in words)
    return "-".join(words).lower() if readable and "".join(words) == name else name.lower()


def _plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _hint(name: str, known: dict[str, type[Any]]) -> str:
    """Return the names that are shown of those that are near."""
    hint = nearest(_plain(name), known)
    if not hint.startswith("; nearest"):
        return ""
    near = dict.fromkeys(_shown(known[word]) for word in re.findall(r"'(\w+)'", hint))
    return f"; nearest: {', '.join(map(repr, near))}"
