"""The set itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import has_fit_parameter

from skdc.codes import Code
from skdc.condensed.coded import PARTS
from skdc.condensed.drawing import CodedDrawing
from skdc.condensed.exporting import to_frame, write_csv, write_parquet
from skdc.condensed.html import as_html, in_a_line
from skdc.condensed.joining import joined
from skdc.condensed.saving import write_set
from skdc.condensed.shrinking import condensed_again, first_points
from skdc.containers import plain_labels
from skdc.provenance import Provenance

if TYPE_CHECKING:
    from torch.utils.data import TensorDataset


@dataclass(frozen=True, eq=False, repr=False)
class CondensedSet:
    """A condensed set; it unpacks into (X, y).

    `dataclasses.replace(condensed, X=encoded)` gives the same set with other rows, for learners that see them so.

    Parameters
    ----------
    X : array or frame of shape (m, ...)
        Rows, in the container of the data.
    y : array, series or frame of shape (m,) or (m, n_outputs), or None
        Labels of those that were asked for, or continuous targets.
    sample_weight : ndarray of shape (m,), default=None
        Masses; None weighs rows alike.
    y_soft : ndarray of shape (m, n_classes), default=None
        Class probabilities, where the set says more than a label each.
    classes : ndarray of shape (n_classes,), default=None
        The labels of the columns of `y_soft`.
    provenance : Provenance, default=None
        How it was made, and of what.
    y_learned : ndarray of shape (m, n_outputs), default=None
        Targets as they were optimised, where they were, for kernel ridge regression: they need be no probabilities.
    coded : Code, default=None
        What `save` keeps of the rows, where a storage makes them of fewer numbers.
    coded_labels : Code, default=None
        What it keeps of soft labels of few bits, or of few classes.

    See Also
    --------
    skdc.load : read a set from a file.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from skdc import KMedoids
    >>> X, y = load_iris(return_X_y=True)
    >>> condensed = KMedoids(n_per_class=5, random_state=0).fit(X, y).condensed_
    >>> X_syn, y_syn = condensed
    >>> X_syn.shape
    (15, 4)
    >>> condensed.train(KNeighborsClassifier(1)).score(X, y) > 0.9
    True
    """

    X: Any
    y: Any
    sample_weight: NDArray[np.float64] | None = None
    y_soft: NDArray[np.float64] | None = None
    classes: NDArray | None = None
    provenance: Provenance | None = None
    y_learned: NDArray[np.float64] | None = None
    coded: Code | None = None
    coded_labels: Code | None = None

    def __iter__(self) -> Iterator[Any]:
        return iter((self.X, self.y))

    def __repr__(self) -> str:
        return in_a_line(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    def has_soft_labels(self) -> bool:
        """Tell whether there are probabilities that give each class of the set a share, so that all are predicted."""
        if self.y_soft is None or self.classes is None:
            return False
        return not len(np.setdiff1d(plain_labels(self.y), self.classes[self.y_soft.any(axis=0)]))

    def for_learner(self, estimator: Any) -> tuple[Any, Any, dict[str, Any]]:
        """Return the set as an estimator can use most of it.

        Probabilities go as they are to one that declares `accepts_soft_labels = True`, whose `fit` takes y of shape
        (m, n_classes); to others whose `fit` takes `sample_weight` as weighted copies of each row, one for each class
        of positive probability. Others get the labels, and so do all where the probabilities give a class of the set
        no share, so that it would never be predicted. Weights go to those that take them.

        Parameters
        ----------
        estimator : estimator

        Returns
        -------
        X, y
        fit_params : dict of str to array
            Of `fit`: the weights, or nothing.
        """
        takes_weight = has_fit_parameter(estimator, "sample_weight")
        X, y, weight = self.X, plain_labels(self.y), self.sample_weight
        if self.y_soft is not None and self.classes is not None and self.has_soft_labels():
            if getattr(estimator, "accepts_soft_labels", False):
                y = self.y_soft
            elif takes_weight:
                rows, columns = np.nonzero(self.y_soft)
                share = self.y_soft[rows, columns]
                X, y = _safe_indexing(X, rows), self.classes[columns]
                weight = share if weight is None else weight[rows] * share
        return X, y, {"sample_weight": weight} if takes_weight else {}

    def train(self, learner: Any) -> Any:
        """Return a learner, fitted on what it can use of the set; `classes` of one that takes probabilities is set.

        Parameters
        ----------
        learner : estimator
            It is fitted itself: pass a clone of what is to stay as it is.
        """
        X, y, fit_params = self.for_learner(learner)
        if y is not None and y is self.y_soft:
            learner.set_params(classes=self.classes)
        return learner.fit(X, y, **fit_params)

    def sample(
        self,
        n_samples: int = 1,
        y: ArrayLike | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> tuple[Any, NDArray | None]:
        """Draw rows of a set that is a generator, such as that of `CondensedGenerator`; they are not those of the set.

        Numpy alone draws and decodes them, the same rows on all machines by the same seed, but for rounding.

        Parameters
        ----------
        n_samples : int, default=1
        y : array-like of shape (n_samples,), default=None
            Their labels; None draws them by the shares of the classes in the weights.
        random_state : int, RandomState or None, default=None

        Returns
        -------
        X : ndarray of shape (n_samples, ...)
            Like the data: of their dtype and range.
        y : ndarray of shape (n_samples,) or None
            Their labels; None where there are no classes.

        Raises
        ------
        TypeError
            If the set is no generator; frames, and sets that were joined, are rows.
        ValueError
            For a number that is not positive, and labels that the set has not or not as many.

        Examples
        --------
        >>> from sklearn.datasets import load_digits
        >>> from skdc import CondensedGenerator
        >>> from skdc.generators import VariationalGenerator
        >>> small = CondensedGenerator(5, generator=VariationalGenerator(8, n_steps=50), n_steps=5, random_state=0)
        >>> condensed = small.fit(*load_digits(return_X_y=True)).condensed_
        >>> X_new, y_new = condensed.sample(1000, random_state=0)
        >>> condensed.X.shape, X_new.shape
        ((50, 64), (1000, 64))
        """
        return CodedDrawing.of(self).sample(n_samples, y, random_state)

    def shrink(self, to: Any) -> CondensedSet:
        """Return a smaller set of this one.

        A number takes the first points of each class, which are a good set where it is nested: of a condenser with
        `nested=True`, or of rows that were chosen one by one. The points of a class have the weight of all of them.
        What a storage made of few numbers is kept so, where that takes less than the rows that it gives: what points
        share, such as a basis, is kept whole. A set that is a generator stays that generator, and shows fewer rows.

        A condenser is fitted to the rows, labels and weights. Rows that it chooses keep their soft labels, unless it
        gives them others; those that it makes have what it gives. What it makes of a generator is rows.

        The provenance says how both sets were made: sizes, fingerprint and privacy are those of the data, and this set
        is under ``parameters["shrunk"]``.

        Parameters
        ----------
        to : int, {class: int} or condenser
            Points of each class; of a set without classes, all points. Of a condenser a clone is fitted.

        Returns
        -------
        CondensedSet

        Raises
        ------
        ValueError
            For numbers below 1, more points of a class than there are, and classes that are not those of the set.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skdc import KernelHerding, KMedoids
        >>> X, y = load_iris(return_X_y=True)
        >>> condensed = KernelHerding(n_per_class=10, n_passes=0).fit(X, y).condensed_
        >>> condensed.shrink(2).y
        array([0, 0, 1, 1, 2, 2])
        >>> condensed.shrink(KMedoids(n_per_class=1)).y
        array([0, 1, 2])
        """
        return condensed_again(self, to) if hasattr(to, "fit") else first_points(self, to)

    def join(self, other: CondensedSet) -> CondensedSet:
        """Return the points of this set and those of another one behind them, such as those of classes that are new.

        The points stay as they are, and their rows the codes that they are kept as; those of each set weigh what the
        rows of its data do. Targets as they were optimised are left out, and with them the codes of soft labels. Of
        a set that is a generator the rows are taken: the joined set draws no others.

        Parameters
        ----------
        other : CondensedSet
            With rows of the same kind.

        Raises
        ------
        ValueError
            If rows, columns or targets differ in kind, or both sets are private.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skdc import KMedoids
        >>> X, y = load_iris(return_X_y=True)
        >>> old, new = (KMedoids(n_per_class=2).fit(X[rows], y[rows]).condensed_ for rows in (y < 2, y == 2))
        >>> old.join(new).y
        array([0, 0, 1, 1, 2, 2])
        """
        return joined(self, other)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the set to a file, from which `skdc.load` returns it as it is: values, dtypes, names and index.

        The file is in the safetensors format, which other libraries read too, and holds no code. Numpy alone reads it,
        as the guide shows, but for columns of Arrow and polars of a type that numpy has not, such as nested lists,
        structs, decimals and bytes: these are Arrow streams. It is written whole or not at all: a set that is there
        stays until the new one is.

        Parameters
        ----------
        path : str or path
            Its folder must be there.

        Raises
        ------
        TypeError
            For what cannot be kept, such as a column of any objects, naming it; nothing is written then.
        FileNotFoundError, IsADirectoryError
            If no file can be at the path.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> import skdc
        >>> condensed = skdc.CondensedSet(np.eye(2), np.array(["a", "b"]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     condensed.save(f"{folder}/small.skdc")
        ...     skdc.load(f"{folder}/small.skdc").y
        array(['a', 'b'], dtype='<U1')
        """
        write_set(path, {name: getattr(self, name) for name in PARTS}, (self.coded, self.coded_labels), self.provenance)

    def to_frame(self, target: str | None = None) -> Any:
        """Return the set as one frame: rows, targets, weights and soft labels.

        Parameters
        ----------
        target : str, default=None
            The name of the column of targets; of several, of which each gets a number behind it. None: the name of y,
            or those of its columns, or "target".

        Returns
        -------
        frame
            Of polars if X is of polars, else of pandas. The columns of X are its own, or ``x0``, ``x1`` ... in the
            order of the numbers of a row; then come the targets, ``sample_weight``, and ``P(label)`` for each class.

        Raises
        ------
        ValueError
            If two columns would have one name.
        ImportError
            If it takes pandas, which is not installed.

        Examples
        --------
        >>> import numpy as np
        >>> from skdc import CondensedSet
        >>> CondensedSet(np.eye(2), np.array(["a", "b"]), np.array([0.5, 1.5])).to_frame()
            x0   x1 target  sample_weight
        0  1.0  0.0      a            0.5
        1  0.0  1.0      b            1.5
        """
        return to_frame(self, target)

    def to_parquet(self, path: str | os.PathLike[str], target: str | None = None) -> None:
        """Write the frame of the set as a Parquet file, whole or not at all.

        Names of columns are written as words, and sparse columns dense. The index of a frame of pandas is kept.

        Parameters
        ----------
        path : str or path
        target : str, default=None
            As in `to_frame`.

        Raises
        ------
        TypeError
            For columns that Parquet cannot hold.
        ImportError
            Without pyarrow, which frames of pandas need.
        """
        write_parquet(self, path, target)

    def to_csv(self, path: str | os.PathLike[str], target: str | None = None) -> None:
        """Write the frame of the set as comma-separated values with a line of names, whole or not at all.

        The index is left out. Dtypes are lost, as they are in any such file; `save` keeps them.

        Parameters
        ----------
        path : str or path
        target : str, default=None
            As in `to_frame`.
        """
        write_csv(self, path, target)

    def to_dataset(self) -> TensorDataset:
        """Return the set as tensors of torch: rows, targets if there are any, weights if there are any.

        Rows are float32, in the layout that they have; images of bytes stay uint8, as those of torchvision are before
        its transforms, so that ``v2.ToDtype(torch.float32, scale=True)`` knows that their range is 0 to 255. Targets
        are soft labels in float32 where there are some that give each class a share, else the places of labels in
        `classes`, in int64, or continuous targets in float32. Weights are float32.

        Returns
        -------
        torch.utils.data.TensorDataset

        Raises
        ------
        TypeError
            For words, dates and other values that torch has not.
        ValueError
            For missing values, and numbers that float32 cannot hold.

        Examples
        --------
        >>> import numpy as np
        >>> from skdc import CondensedSet
        >>> condensed = CondensedSet(np.eye(2), np.array(["a", "b"]), classes=np.array(["a", "b"]))
        >>> condensed.to_dataset()[1]
        (tensor([0., 1.]), tensor(1))
        """
        from skdc.condensed.datasets import to_dataset  # torch takes seconds to load, and a set does without

        return to_dataset(self)
