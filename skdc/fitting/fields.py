"""Parameters of an estimator as the fields of a dataclass."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, dataclass_transform

__all__ = ["CallbackSupportMixin", "Fields", "TransformerMixin"]

MYPY = False  # mypy takes it for True
if MYPY:

    class CallbackSupportMixin:
        """Nothing: scikit-learn has no types, and with bases of any type mypy would let any parameter pass."""

    class TransformerMixin:
        """Nothing, likewise."""

else:
    from sklearn.base import TransformerMixin

    from skdc.fitting.callbacks import CallbackSupportMixin


@dataclass_transform(eq_default=False, kw_only_default=True)
class Fields:
    """An estimator whose annotated class attributes, and those of its bases, are its parameters.

    They are given by name. With `kw_only=False` in the class statement those of this class may also be given by
    position. Printing and comparing stay those of scikit-learn.
    """

    def __init_subclass__(cls, *, kw_only: bool = True, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        dataclass(repr=False, eq=False, kw_only=kw_only)(cls)
        # Defaults are said by the constructor; left on the class they would be taken for attributes that it documents.
        for field in fields(cls):  # type: ignore[arg-type]  # a dataclass by now
            if field.name in vars(cls):
                delattr(cls, field.name)
