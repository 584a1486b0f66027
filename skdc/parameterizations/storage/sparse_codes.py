"""Images whose patches are combinations of a few of many."""

from __future__ import annotations

from numbers import Integral
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from skdc.codes import Code, SparsePatches, label_bits, packed_bits, packed_bytes
from skdc.images import ImageLayout, image_layout
from skdc.parameterizations.storage.base import Codec, Coder, Kept, Storage, Unkept, at
from skdc.parameterizations.storage.centers import centers_of
from skdc.parameterizations.storage.real import RealRows
from skdc.sources import draw_seed

# With atoms d_a, a patch is p = sum_r sign(z_a) c_r d_a over the K atoms a = a(1), ..., a(K) whose scores z_a are
# largest in size, in that order. The coefficients c_r are kept, with atoms and signs; of the scores, which choose them,
# nothing else is. Gradients pass to all scores as if p were sum_a z_a d_a (the straight-through estimator), so that an
# atom that would help comes in: as it does its score is as large as that of the atom that leaves, whose coefficient it
# takes over.
#
# The start is c = |z|, by orthogonal matching pursuit: K times, the atom that tells most of what is left comes in, and
# all coefficients are fitted anew. The dictionary is one for which this is near to patches of the data: by the method
# of optimal directions, which fits codes and atoms in turn, from the k-means of patches up to their size and sign.

_DICTIONARY_ROWS = 256  # of the data, out of whose patches a dictionary is made
_PATCHES = 2**14  # at a time; of them the dictionary is made
_ROUNDS = 5
_RIDGE = 1e-6  # of squares of atoms, which may be alike


class SparseCodes(Storage):
    """Sparse codes: patches of images are sums of few atoms of a dictionary that all share [1]_.

    Of each patch `n_kept` coefficients are kept, and which atoms they are of, in as many bits as tell these and the two
    signs apart. Atoms are chosen anew in each step: those of the largest scores, to which gradients pass as if all
    atoms were in the sum. In the paper tokens stand for atoms, and a small network, which is left out here, makes
    patches of the sums. The dictionary is learned from patches of the data [2]_, and moves from there.

    Parameters
    ----------
    n_atoms : int, default=64
        From 1 to 32768.
    n_kept : int, default=4
        Atoms of a patch, no more than there are.
    patch : int, default=4
        Pixels of a side of a patch. An image that is smaller is one patch; patches at the edges go beyond images whose
        sides are no multiples.
    image_shape : tuple of int, default=None
        Shape of an image that comes flattened; None takes the shape of the rows.
    channels : {"first", "last"}, default=None
        Where the channels of (C, H, W) or (H, W, C) rows are, as in `ConvNet`.

    References
    ----------
    .. [1] Wei, Cao, Yang and Ma, "Sparse Parameterization for Epitomic Dataset Distillation", 2023.
    .. [2] Engan, Aase and Husøy, "Method of optimal directions for frame design", 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import Condenser
    >>> from skdc.discrepancies import MMD
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Quantized, SparseCodes
    >>> images = load_digits().images.astype("uint8")
    >>> points = Points(Quantized(4, SparseCodes(n_atoms=32, n_kept=3)))
    >>> fitted = Condenser(MMD(), points, n_samples=100, random_state=0).fit(images)
    >>> fitted.X_syn_.shape, fitted.storage_["bytes"], fitted.storage_["bytes_decoded"]
    ((100, 8, 8), 1772, 6400)
    """

    n_atoms: int = 64
    n_kept: int = 4
    patch: int = 4
    image_shape: tuple[int, ...] | None = None
    channels: Literal["first", "last"] | None = None

    def shows_images(self) -> bool:
        """Tell that it does."""
        return True

    def row_by_row(self) -> bool:
        """Tell that the dictionary is of all rows."""
        return False

    def build(self, X: Tensor, key: Tensor | None, real: RealRows, generator: torch.Generator) -> SparseCodeRows:
        """Return the codes, and a dictionary for patches of images like them."""
        row_shape = tuple(X.shape[1:])
        patches = Patches(self._layout(row_shape), self.patch, row_shape)
        rows = real.sample(self, "the patches of images", _DICTIONARY_ROWS, generator)[0] if real.alike else X
        dictionary = _dictionary(patches.of(rows).flatten(0, 1), self.n_atoms, self.n_kept, generator)
        codec = SparseCodeRows(len(X), self.n_kept, dictionary.to(X), patches)
        with torch.no_grad():
            codec.encode(X)
        return codec

    def numbers(self, n_rows: int, row_shape: tuple[int, ...]) -> list[Kept]:
        """Return the coefficients, and the numbers of the dictionary."""
        patches = Patches(self._layout(row_shape), self.patch, row_shape)
        shapes = (n_rows, patches.number, self.n_kept), (self.n_atoms, patches.size)
        return [Kept(shape, by_feature=False) for shape in shapes]

    def other_bytes(self, n_rows: int, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count which atoms patches have, and with which sign."""
        patches = Patches(self._layout(row_shape), self.patch, row_shape)
        return packed_bytes(n_rows * patches.number * self.n_kept, label_bits(2 * self.n_atoms))

    def _layout(self, row_shape: tuple[int, ...]) -> ImageLayout:
        for name, most in (("n_atoms", 2**15), ("n_kept", self.n_atoms), ("patch", 2**15)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or not 1 <= int(value) <= most:
                raise ValueError(f"SparseCodes({name}={value!r}): it must be a whole number, from 1 to {most}")
        return image_layout(self, row_shape, self.image_shape, self.channels)


class Patches(nn.Module):
    """Images as patches side by side, row by row.

    Parameters
    ----------
    layout : ImageLayout
    side : int
        Of a patch, where images are not smaller.
    row_shape : tuple of int
    """

    def __init__(self, layout: ImageLayout, side: int, row_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.layout, self.row_shape = layout, row_shape
        self.n_channels, self.height, self.width = layout.shape
        self.sides = min(side, self.height), min(side, self.width)
        self.down, self.across = -(-self.height // self.sides[0]), -(-self.width // self.sides[1])

    @property
    def number(self) -> int:
        """How many patches an image has."""
        return self.down * self.across

    @property
    def size(self) -> int:
        """How many numbers a patch has."""
        return self.n_channels * self.sides[0] * self.sides[1]

    def of(self, X: Tensor) -> Tensor:
        """Return the patches of rows, of shape (n, number, size); beyond the edges are the pixels there."""
        beyond = 0, self.across * self.sides[1] - self.width, 0, self.down * self.sides[0] - self.height
        images = functional.pad(self.layout(X), beyond, mode="replicate")
        grid = images.reshape(len(X), self.n_channels, self.down, self.sides[0], self.across, self.sides[1])
        return grid.permute(0, 2, 4, 1, 3, 5).reshape(len(X), self.number, self.size)

    def rows(self, patches: Tensor) -> Tensor:
        """Return the rows that have such patches."""
        grid = patches.reshape(len(patches), self.down, self.across, self.n_channels, *self.sides)
        sides = self.down * self.sides[0], self.across * self.sides[1]
        images = grid.permute(0, 3, 1, 4, 2, 5).reshape(len(patches), self.n_channels, *sides)
        return self.layout.rows(images[:, :, : self.height, : self.width], self.row_shape)


class SparseCodeRows(Codec):
    """Images whose patches are sums of few atoms.

    Parameters
    ----------
    n_rows, n_kept : int
    start : Tensor of shape (n_atoms, size)
        The dictionary with which encoding begins.
    patches : Patches
    """

    start: Tensor

    def __init__(self, n_rows: int, n_kept: int, start: Tensor, patches: Patches) -> None:
        super().__init__()
        self.coefficients = nn.Parameter(start.new_zeros(n_rows, patches.number, n_kept))
        self.dictionary = nn.Parameter(start.clone())
        self.scores = Unkept(start.new_zeros(n_rows, patches.number, len(start)))
        self._patches = patches
        self.register_buffer("start", start)

    def decode(self, places: Tensor | None = None) -> Tensor:
        """Return the rows."""
        scores = at(self.scores.values, places)
        index, sign = self._chosen(scores.detach())
        kept = torch.zeros_like(scores).scatter(2, index, sign * at(self.coefficients, places))
        return self._patches.rows((kept + (scores - scores.detach())) @ self.dictionary)

    def encode(self, X: Tensor) -> None:
        """Come near to other images, by the dictionary that there was at the start."""
        patches = self._patches.of(X)
        codes = _pursued(patches.flatten(0, 1), self.start, self.coefficients.shape[2])
        self.dictionary.copy_(self.start)
        self.scores.values.copy_(codes.reshape(self.scores.values.shape))
        index, _ = self._chosen(self.scores.values)
        self.coefficients.copy_(self.scores.values.gather(2, index).abs())

    def project(self, low: Tensor, high: Tensor) -> None:
        """Do nothing: no codes are nearest to images between two ends."""

    def code(self, coder: Coder) -> Code:
        """Return the coefficients, their atoms, and the dictionary."""
        index, sign = self._chosen(self.scores.values.detach())
        signed = (2 * index + (sign < 0)).cpu().numpy().ravel()
        packed, layout = packed_bits(signed, label_bits(2 * len(self.dictionary))), self._patches.layout
        given = self._patches.row_shape, layout.shape, layout.last
        return SparsePatches(*given, self._patches.sides, packed, coder(self.coefficients), coder(self.dictionary))

    def _chosen(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the atoms of the largest scores, in order, and their signs."""
        # Sorted stably, so that which of equal scores comes first does not depend on other rows.
        index = scores.abs().sort(dim=2, descending=True, stable=True).indices[..., : self.coefficients.shape[2]]
        chosen = scores.gather(2, index)
        return index, torch.where(chosen < 0, -torch.ones_like(chosen), torch.ones_like(chosen))


def _dictionary(patches: Tensor, n_atoms: int, n_kept: int, generator: torch.Generator) -> Tensor:
    """Return atoms, of a mean square of 1, of which a few are near to each of the patches."""
    seed = draw_seed(generator)
    some = torch.randperm(len(patches), generator=generator)[:_PATCHES].to(patches.device)
    patches = patches.index_select(0, some)
    norms = torch.linalg.vector_norm(patches, dim=1, keepdim=True)
    largest = patches.gather(1, patches.abs().argmax(1, keepdim=True))
    units = patches / torch.where(largest < 0, -norms, torch.where(norms > 0, norms, torch.ones_like(norms)))
    atoms = _of_size_one(centers_of(units, n_atoms, seed, norms[:, 0].square() + _RIDGE))
    for _ in range(_ROUNDS):
        codes = _pursued(patches, atoms, n_kept)
        ridge = _RIDGE * len(patches) * torch.eye(n_atoms, dtype=atoms.dtype, device=atoms.device)
        atoms = _of_size_one(torch.linalg.solve(codes.T @ codes + ridge, codes.T @ patches + ridge @ atoms))
    return atoms


def _of_size_one(atoms: Tensor) -> Tensor:
    """Return atoms of a mean square of 1; ones in place of those that are nothing."""
    sizes = atoms.square().mean(1, keepdim=True).sqrt()
    return torch.where(sizes > 0, atoms / torch.where(sizes > 0, sizes, torch.ones_like(sizes)), 1.0)


def _pursued(patches: Tensor, atoms: Tensor, n_kept: int) -> Tensor:
    """Return codes of patches, of shape (n, n_atoms), with no more than some that are not zero."""
    gram = atoms @ atoms.T
    return torch.cat([_pursued_at_once(part @ atoms.T, gram, n_kept) for part in patches.split(_PATCHES)])


def _pursued_at_once(told: Tensor, gram: Tensor, n_kept: int) -> Tensor:
    """Return codes of patches of which the products with the atoms are told."""
    ridge = _RIDGE * gram.diagonal().mean() * torch.eye(n_kept, dtype=gram.dtype, device=gram.device)
    index = torch.zeros(len(told), 0, dtype=torch.int64, device=told.device)
    left, values = told, told[:, :0]
    for size in range(1, n_kept + 1):
        open_ = left.abs().scatter(1, index, -1.0)
        index = torch.cat([index, open_.argmax(1, keepdim=True)], dim=1)
        among = gram[index[:, :, None], index[:, None, :]] + ridge[:size, :size]
        values = torch.linalg.solve(among, told.gather(1, index)[:, :, None])[:, :, 0]
        left = told - (values[:, None, :] @ gram[index])[:, 0]
    return torch.zeros_like(told).scatter(1, index, values)
