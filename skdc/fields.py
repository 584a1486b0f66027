"""Parameters of an estimator as the fields of a dataclass."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from inspect import signature
from numbers import Integral
from typing import Any, dataclass_transform

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "Fields",
    "MetaEstimatorMixin",
    "OneToOneFeatureMixin",
    "RegressorMixin",
    "SharedParts",
    "TransformerMixin",
]

MYPY = False  # mypy takes it for True
if MYPY:
    # scikit-learn has no types, and with bases of any type mypy would let any parameter pass, and any part for another.

    class BaseEstimator:  # noqa: D101
        def __getattr__(self, name: str) -> Any: ...

        def __sklearn_clone__(self) -> Any: ...

        def __sklearn_tags__(self) -> Any: ...

    class ClassifierMixin: ...  # noqa: D101

    class MetaEstimatorMixin: ...  # noqa: D101

    class OneToOneFeatureMixin: ...  # noqa: D101

    class RegressorMixin: ...  # noqa: D101

    class TransformerMixin: ...  # noqa: D101

else:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        MetaEstimatorMixin,
        OneToOneFeatureMixin,
        RegressorMixin,
        TransformerMixin,
    )


_FIELDS = "__dataclass_fields__"  # of a class for which dataclass has made the constructor


@dataclass_transform(eq_default=False, field_specifiers=(field,))
class Fields(BaseEstimator):
    """An estimator whose annotated class attributes, and those of its bases, are its parameters.

    With `kw_only=True` in the class statement those of this class are given by name only, and come after those of its
    subclasses. A class that writes a constructor keeps it, and so do its subclasses. Printing and comparing stay those
    of scikit-learn.
    """

    def __init_subclass__(cls, *, kw_only: bool = False, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        owner = next(base for base in cls.__mro__ if "__init__" in vars(base))
        if owner is not object and _FIELDS not in vars(owner):
            _refuse_fields(cls, owner)
            return
        _refuse_bare(cls)
        dataclass(repr=False, eq=False, kw_only=kw_only)(cls)
        # Defaults are said by the constructor; left on the class they would be taken for attributes that it documents.
        for parameter in fields(cls):  # type: ignore[arg-type]  # a dataclass by now
            if parameter.init and parameter.name in vars(cls):
                delattr(cls, parameter.name)
        # Shown as in the docstring: by name only what is its own comes before what it shares with others of its kind.
        depth = {name: place for place, base in enumerate(cls.__mro__) for name in vars(base).get(_FIELDS, ())}
        made = signature(cls.__init__)
        ordered = sorted(made.parameters.values(), key=lambda p: p.kind is p.KEYWORD_ONLY and 1 + depth[p.name])
        cls.__init__.__signature__ = made.replace(parameters=ordered)  # type: ignore[attr-defined]  # not declared


def _refuse_bare(cls: type) -> None:
    """Refuse a default in place of that of a base which would have no effect, for want of an annotation."""
    own = vars(cls).get("__annotations__", {})
    bases = [base for base in cls.__mro__[1:] if _FIELDS in vars(base)]
    taken = {f.name: f for base in bases for f in fields(base) if f.init}
    for name, value in vars(cls).items():
        if name in taken and name not in own and not hasattr(value, "__get__"):
            raise TypeError(
                f"{cls.__name__}: {name} = {value!r} is no parameter without its type, and would have no effect; write "
                f"{name}: {taken[name].type} = {value!r}"
            )


def _refuse_fields(cls: type, owner: type) -> None:
    """Refuse parameters that a constructor which is written out does not take."""
    if cls is owner:
        return
    for name in vars(cls).get("__annotations__", {}):
        if name in vars(cls) and "ClassVar" not in str(vars(cls)["__annotations__"][name]):
            raise TypeError(
                f"{cls.__name__}: {name} is no parameter, since {owner.__name__} writes its constructor; write one for "
                f"{cls.__name__} too"
            )


_CLONES: ContextVar[dict[int, Any] | None] = ContextVar("_CLONES", default=None)


class SharedParts(Fields):
    """A parameter object of which a clone has one clone of a part that it had in two places.

    scikit-learn clones a part each time that it meets it, so that two terms would no longer look through one space.
    """

    def __sklearn_clone__(self) -> Any:
        clones = _CLONES.get()
        if clones is not None:
            if id(self) not in clones:
                clones[id(self)] = super().__sklearn_clone__()
            return clones[id(self)]
        token = _CLONES.set({})
        try:
            return super().__sklearn_clone__()
        finally:
            _CLONES.reset(token)


def require_whole(name: str, value: object, least: int) -> int:
    """Return a parameter that is a whole number, no less than it may be."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r} must be a whole number of at least {least}")
    return int(value)
