"""Rows that a few maps make of fewer rows."""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral

import torch
from torch import Tensor, nn

from skdc.codes import Code, Mapped
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, at
from skdc.parameterizations.storage.free import or_free
from skdc.parameterizations.storage.real import RealRows

# Row i = j n + h is x_i = s_h b_j + t_h, number by number (1). With x given, each of the two factors is a least-squares
# problem given the other, for each number by itself: over the bases, of s_h and t_h,
#
#     s_h = (cov_j(b_j, x_jh) + r) / (var_j(b_j) + r),     t_h = mean_j(x_jh) - s_h mean_j(b_j)                (2)
#
# where r holds the scale at 1 for numbers in which bases do not differ; and over the maps
#
#     b_j = (sum_h s_h (x_jh - t_h) + r b_j') / (sum_h s_h^2 + r)                                              (3)
#
# from its value b_j' before. The first bases are the means of their rows.

_RIDGE = 1e-2  # r, in units of the variance of the data
_ROUNDS = 10


class Hallucinated(Storage):
    r"""Hallucinated rows: a few maps make several rows of each base, :math:`x_{jh} = s_h b_j + t_h` [1]_.

    Maps are shared by all bases; each has a scale and a shift for each number of a row. In the paper they are small
    networks, of which these are the affine part. The start is near to rows: by least squares, in turn over maps and
    bases. For m points of d numbers it takes (m / n + 2 n) d in place of m d.

    Rows come from the bases in turn: those of a class are from bases of their own where their number is a multiple of
    n. From the last base there may be fewer.

    Parameters
    ----------
    n : int, default=5
        How many maps there are, and rows from each base; no more than points.
    inner : Storage, default=None
        How the bases are kept; None is `Free()`. With `Fixed()` the maps alone move.

    References
    ----------
    .. [1] Liu, Wang, Yang, Ye and Wang, "Dataset Distillation via Factorization", 2022, section 3.2: hallucinators, or
       HaBa.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Hallucinated, Quantized
    >>> images = load_digits().images.astype("uint8")
    >>> points = Points(Quantized(4, Hallucinated(n=5)))
    >>> fitted = Condenser(MMD(), points, n_samples=100, random_state=0).fit(images)
    >>> fitted.X_syn_.shape, fitted.storage_["bytes"], fitted.storage_["bytes_decoded"]
    ((100, 8, 8), 984, 6400)
    """

    n: int = 5
    inner: Storage | None = None

    def shows_images(self) -> bool:
        """Tell whether the bases do."""
        return or_free(self.inner).shows_images()

    def row_by_row(self) -> bool:
        """Tell that maps and bases are of several rows."""
        return False

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> HallucinatedRows:
        """Return maps and bases, from the rows that they are to be like."""
        if not isinstance(self.n, Integral) or not 1 <= self.n <= len(X):
            raise ValueError(f"Hallucinated(n={self.n!r}): {len(X)} points have 1 to {len(X)} maps, a whole number")
        scale, shift, bases = _factors(X, self.n)
        inner = or_free(self.inner).build(bases, None, replace(real, alike=False), generator)
        return HallucinatedRows(scale, shift, inner, len(X))

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the scales, the shifts, and the numbers of the bases."""
        maps = Kept((self.n, *row_shape), by_feature=False)
        return [maps, maps, *or_free(self.inner).numbers(-(-n_rows // self.n), row_shape)]

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Return what the bases take beside their numbers."""
        return or_free(self.inner).other_bytes(-(-n_rows // self.n), row_shape, n_classes)


class HallucinatedRows(Codec):
    """Rows that maps make of bases.

    Parameters
    ----------
    scale, shift : Tensor of shape (n, *input_shape)
    bases : Codec
        Of ceil(m / n) rows.
    n_rows : int
        m.
    """

    def __init__(self, scale: Tensor, shift: Tensor, bases: Codec, n_rows: int) -> None:
        super().__init__()
        self.scale, self.shift, self.bases = nn.Parameter(scale), nn.Parameter(shift), bases
        self._n_rows = n_rows

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        rows = torch.arange(self._n_rows, device=self.scale.device) if places is None else places
        base, used = torch.div(rows, len(self.scale), rounding_mode="floor"), rows % len(self.scale)
        return at(self.scale, used) * self.bases.decode(base) + at(self.shift, used)

    def encode(self, X: Tensor) -> None:
        """Come near to other rows."""
        scale, shift, bases = _factors(X, len(self.scale))
        self.scale.copy_(scale)
        self.shift.copy_(shift)
        self.bases.encode(bases)

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: no maps and bases are nearest to rows between two ends."""

    def code(self, coder: Coder) -> Code | None:
        """Return maps and bases."""
        bases = self.bases.code(coder)
        return None if bases is None else Mapped(self._n_rows, coder(self.scale), coder(self.shift), bases)


def _factors(X: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return scales, shifts and bases that come near to rows, as in (2) and (3)."""
    k = -(-len(X) // n)
    rows = X.new_zeros(k * n, *X.shape[1:])
    rows[: len(X)] = X
    rows = rows.reshape(k, n, *X.shape[1:])
    # Rows that the last base has not weigh nothing.
    there = (torch.arange(k * n, device=X.device) < len(X)).to(X.dtype).reshape(k, n, *[1] * (X.ndim - 1))
    bases = (there * rows).sum(1) / there.sum(1)
    for _ in range(_ROUNDS):
        share = there / there.sum(0)
        of_bases, of_rows = (share * bases[:, None]).sum(0), (share * rows).sum(0)
        away = bases[:, None] - of_bases
        scale = ((share * away * (rows - of_rows)).sum(0) + _RIDGE) / ((share * away.square()).sum(0) + _RIDGE)
        shift = of_rows - scale * of_bases
        near = (there * scale * (rows - shift)).sum(1) + _RIDGE * bases
        bases = near / ((there * scale.square()).sum(1) + _RIDGE)
    return scale, shift, bases
