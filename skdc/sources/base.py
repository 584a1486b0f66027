"""The only ways to the real data, by what they can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from operator import add
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from skdc.exceptions import PartsError
from skdc.scales import slices
from skdc.seeds import gaussian
from skdc.sets import LabeledSet
from skdc.sources.batch import Batch
from skdc.sources.moments import GaussianMoments
from skdc.sources.schema import Schema
from skdc.sources.units import Units

Result = TypeVar("Result")
Ability = TypeVar("Ability", bound="Source")


def draw_seed(generator: torch.Generator) -> int:
    """Draw an integer seed from a generator, for libraries that want one."""
    return int(torch.randint(2**31 - 1, (), generator=generator))


class Source(ABC):
    """A way to the data: what all have. What more one can do is an ability, which parts `require`.

    Rows inside are in working units, an isometry of the user's up to a factor, so that no geometry is changed by
    condensing.

    Attributes
    ----------
    schema : Schema
    units, target_units : Units
        Of the features, with one scale for all, and of the targets.
    spread : float
        Root of the mean feature variance in working units: the natural unit of a step.
    target_spread : float or ndarray of shape (n_outputs,)
        The same of each target; 1 for class indicators.
    dtype : torch.dtype
    device : torch.device
    """

    schema: Schema
    units: Units[float] = Units()
    target_units: Units[Any] = Units()
    spread: float
    target_spread: NDArray[np.float64] | float
    dtype: torch.dtype
    device: torch.device

    @abstractmethod
    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Return what a discrepancy compares the synthetic set with in one step."""

    @abstractmethod
    def starting_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (X, y) of `sizes[c]` distinct rows a class c, chosen by a hash of their content."""

    def noisy_rows(self, sizes: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return Gaussian rows with the mean and spread of the data, and targets as starting rows have them."""
        X, y = self.starting_rows(sizes, generator)
        noise = gaussian(X.shape, generator, X)
        return self._middle() + self.spread * noise, y

    def _middle(self) -> Tensor | float:
        """Return the mean row in working units."""
        return 0.0

    def attributes(self) -> dict[str, Any]:
        """Return fitted attributes that the condenser shows, by name (none by default)."""
        return {}

    def granted(self, ability: type[Ability]) -> Ability | None:
        """Return itself if it has an ability, else None: for parts that have another way."""
        return self if isinstance(self, ability) else None

    def stand_in(self) -> Holds | None:
        """Return rows in memory that stand for all: itself, if it holds them; None where there are none."""
        return self.granted(Holds)

    def position(self) -> Any:
        """Return where its draws have come to, from which `restore` goes on (nothing by default)."""
        return None

    def restore(self, position: Any) -> None:  # noqa: B027  there is nothing to restore by default
        """Go on with the draws from a position."""

    def cannot_tell(self, unknown: str) -> str:
        """Return why a part cannot learn something from this source, and what to do."""
        return (
            f"cannot learn {unknown} from a stream, whose first chunk does not show it; give it as a number, or call "
            "fit on all rows"
        )

    @abstractmethod
    def feature_range(self) -> tuple[NDArray, NDArray]:
        """Return the least and the greatest number of each feature, in the user's units."""

    @abstractmethod
    def target_range(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the least and the greatest of each target, in the user's units."""

    @abstractmethod
    def class_mass(self) -> NDArray[np.float64]:
        """Return the total weight of each class."""

    def encode(self, X: NDArray) -> Tensor:
        """Cast rows in the user's units to working units."""
        encoded = torch.empty(X.shape, dtype=self.dtype, device=self.device)
        for rows in slices(X):
            encoded[rows] = self.tensor(self.units.to_working(X[rows]))
        return encoded

    def decode(self, X: Tensor) -> NDArray[np.floating]:
        """Cast rows in working units back to the user's units and dtype."""
        return self.units.to_user(X.detach().cpu().double().numpy()).astype(self.schema.float_dtype)

    def encode_targets(self, y: NDArray) -> Tensor:
        """Cast targets in the user's units to working units."""
        return self.tensor(self.target_units.to_working(y))

    def decode_targets(self, y: Tensor) -> NDArray[np.float64]:
        """Cast targets in working units back to the user's units."""
        return self.target_units.to_user(y.detach().cpu().double().numpy())

    def no_rows(self) -> LabeledSet:
        """Return a set without rows, which shows shapes and dtypes."""
        weight, key = self.tensor(np.empty(0)), torch.empty(0, dtype=torch.int64, device=self.device)
        X = self.tensor(np.empty((0, *self.schema.input_shape)))
        return LabeledSet(weight, key, X, self.tensor(np.empty((0, self.schema.n_outputs))))

    def tensor(self, values: NDArray) -> Tensor:
        """Return an array as a tensor of the working dtype and device."""
        return torch.tensor(np.asarray(values, dtype=np.float64), dtype=self.dtype, device=self.device)


class Draws(Source):
    """A source that draws rows at random, in proportion to weight: its batches show rows."""

    @abstractmethod
    def sample(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return about `size` rows, drawn evenly over the keys, in proportion to weight within; all, if no more."""

    def unseen(self, size: int, generator: torch.Generator) -> LabeledSet:
        """Return about `size` rows by which finished sets are judged: those that were held out, or any if none were."""
        return self.sample(size, generator)


class Sums(Source):
    """A source that tells the means and products of rows, by class: what one pass adds up."""

    @abstractmethod
    def class_moments(self, c: int | None) -> GaussianMoments:
        """Return those of the rows of a class, or of all for None, flattened, in working units."""


class Passes(Sums):
    """A source that can be passed over, piece by piece, as often as is asked for."""

    @abstractmethod
    def map_reduce(
        self, function: Callable[[Holds], Result], merge: Callable[[Result, Result], Result], width: int = 1
    ) -> Result:
        """Return what a function gives for each piece of the rows, merged.

        Parameters
        ----------
        function : callable
            Of a piece, which holds its rows, in the units of the whole.
        merge : callable
            Of two results, in any order.
        width : int, default=1
            Numbers that the function computes for each row; it bounds the length of a piece, as the numbers of its
            features and targets do.
        """

    def class_moments(self, c: int | None) -> GaussianMoments:
        """Return those of the rows of a class, or of all for None, flattened, in working units: in one pass."""

        def of_piece(piece: Holds) -> GaussianMoments:
            rows = piece.rows if c is None else piece.take(piece.class_members(c))
            return GaussianMoments.of(rows.X.flatten(1), rows.weight)

        return self.map_reduce(of_piece, GaussianMoments.merged)

    def take(self, indices: NDArray[np.intp]) -> LabeledSet:
        """Return some rows in working units, by their places in a pass, in one pass."""

        def of_piece(piece: Holds) -> list[tuple[NDArray[np.intp], LabeledSet]]:
            inside = np.flatnonzero((indices >= piece.first) & (indices < piece.first + len(piece)))
            return [(inside, piece.take(indices[inside] - piece.first))]

        inside, rows = zip(*self.map_reduce(of_piece, add, self.schema.n_outputs), strict=True)
        order = torch.as_tensor(np.argsort(np.concatenate(inside)), device=self.device)
        fields = ("weight", "key", "X", "y")
        return LabeledSet(*(torch.cat([getattr(some, name) for some in rows])[order] for name in fields))


class Lists(Passes):
    """A source whose rows can be chosen, by their places in a pass: what it has in memory is two numbers of each row.

    Attributes
    ----------
    weight, key : ndarray of shape (n,)
    """

    weight: NDArray[np.float64]
    key: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.key)

    def class_members(self, c: int) -> NDArray[np.intp]:
        """Return the indices of the rows of class c."""
        return np.flatnonzero(self.schema.class_of_key[self.key] == c)


class Holds(Draws, Lists):
    """A source that has all rows in memory.

    Attributes
    ----------
    X : ndarray
        The rows in the user's units.
    sparse : bool
        Whether they are sparse: these are taken by indices of one dimension only.
    first : int
        Where the first row stands in a pass, if these are a piece of a source.
    """

    sparse: ClassVar[bool] = False
    first: int = 0

    X: Any

    @property
    @abstractmethod
    def rows(self) -> LabeledSet:
        """All rows in working units."""

    @abstractmethod
    def in_double(self) -> Holds:
        """Return the same rows, in the same units, in float64."""

    @abstractmethod
    def targets(self, rows: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.float64]:
        """Return targets of rows in the user's units, of shape (n, n_outputs): of classes, their indicators."""

    @abstractmethod
    def take(self, indices: NDArray[np.intp]) -> LabeledSet:
        """Return some rows in working units, without casting the others."""

    @abstractmethod
    def pieces(self, indices: NDArray[np.intp]) -> Iterator[LabeledSet]:
        """Return some rows in working units, piece by piece: the targets of all may be more than memory holds."""

    @abstractmethod
    def hashes(self, members: NDArray[np.intp], seed: int) -> NDArray[np.uint64]:
        """Hash some rows by content: a choice by hash ignores their order, and the unit and origin of X and y."""

    @abstractmethod
    def random_rows(self, members: NDArray[np.intp], size: int, generator: torch.Generator) -> NDArray[np.intp]:
        """Return the positions of `size` of some rows, drawn in proportion to weight without replacement."""


class Asks(Source):
    """A source of private rows, which answers with noisy means of bounded functions of them.

    Attributes
    ----------
    ends : tuple of (float, float)
        Between which all numbers are known to be.
    """

    ends: tuple[Any, Any]

    @abstractmethod
    def mean(self, of_rows: Callable[[LabeledSet], Tensor], bound: float) -> Tensor:
        """Return the noisy mean of a function of rows, each cut off at a norm."""

    @abstractmethod
    def products(self, of_rows: Callable[[LabeledSet], Tensor], bound: float) -> Tensor:
        """Return the noisy mean of the products of a function of rows with itself, each row cut off at a norm."""

    @abstractmethod
    def row_at(self, value: float) -> LabeledSet:
        """Return a row that is made up of a number, in the user's units, without a class."""


def class_codes(rows: LabeledSet, schema: Schema) -> Tensor:
    """Return the class code of each real row, of which the key may say more.

    Parameters
    ----------
    rows : LabeledSet
    schema : Schema
        Of the data.
    """
    return torch.as_tensor(schema.class_of_key, device=rows.key.device)[rows.key]


def require(part: object, source: Source, ability: type[Ability], unknown: str) -> Ability:
    """Return the source, if it has an ability.

    Parameters
    ----------
    part : object
        Who asks.
    source : Source
    ability : {Draws, Sums, Passes, Holds}
        The weakest that will do.
    unknown : str
        What is to be learned from the data, for the message.

    Raises
    ------
    PartsError
        For a stream, whose first chunk cannot tell what `unknown` names; for private rows.
    """
    granted = source.granted(ability)
    if granted is not None:
        return granted
    raise PartsError(f"{type(part).__name__} {source.cannot_tell(unknown)}")


def require_targets(part: object, source: Source) -> None:
    """Refuse data on which nothing can be trained, before anything is computed.

    Raises
    ------
    ValueError
        Without targets, or with a single class.
    """
    name, schema = type(part).__name__, source.schema
    if schema.task == "none":
        raise PartsError(f"{name} trains on targets, but y is None; pass y, or compare the rows alone, as MMD() does")
    if schema.task == "classification" and schema.n_outputs < 2:
        raise PartsError(f"{name} needs at least two classes, but {schema.given_targets}; compare rows alone: MMD()")
