"""Linear generators: probabilistic principal components."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from skdc.codes import Code, LinearRows
from skdc.generators.base import Generator, LiveGenerator, by_class
from skdc.generators.moments import LatentGaussians
from skdc.sources import GaussianMoments, Source, Sums, require


# Rows x of a class, or of all, are modelled as x = W z + mu + e with z ~ N(0, 1) and e ~ N(0, s2). With the q largest
# eigenvalues L of their covariance and their eigenvectors U, and d - q other eigenvalues, the likelihood is largest for
#     s2 = mean of the others                                                                                       (1)
#     W = U (L - s2)^(1/2)                                                                                          (2)
# (Tipping and Bishop, 1999, eq. 8 and 7). The latents of the rows nearest to x are those of least squares,
#     z = (W' W)^-1 W' (x - mu)                                                                                     (3)
class LinearGenerator(Generator):
    r"""Probabilistic principal component analysis [1]_: rows are :math:`W z + \mu`, by class or of all.

    It takes the means and the products of rows only, and has no steps: in `skdc.parameterizations.storage.Latents` a
    sketch tells them, so that the data may come in chunks (`Condenser.partial_fit`). This takes a matrix of the size of
    the features squared for each class. Of private rows (`GaussianMechanism`) they are part of the one release.

    Parameters
    ----------
    n_components : int, default=16
        Numbers in a latent; no more than features.
    by : {"class", "all"}, default="class"
        Whether each class has a mean and directions of its own. With "all" they are shared, and rows of a class are
        drawn by the mean and the covariance of its latents.

    Notes
    -----
    A row that is decoded is the mean of those with its latent: the noise of the model, of variance `noise_variance` in
    each feature, is not added. A class with no more rows than components varies in fewer directions.

    References
    ----------
    .. [1] Tipping and Bishop, "Probabilistic Principal Component Analysis", 1999, eq. 7 and 8.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skdc import Condenser
    >>> from skdc.generators import LinearGenerator
    >>> from skdc.parameterizations import Points
    >>> from skdc.parameterizations.storage import Latents
    >>> X, y = load_iris(return_X_y=True)
    >>> points = Points(Latents(LinearGenerator(n_components=2)))
    >>> Condenser(parameterization=points, n_per_class=3, random_state=0).fit(X, y).X_syn_.shape
    (9, 4)
    """

    n_components: int = 16
    by: Literal["class", "all"] = "class"

    def learn(self, source: Source, generator: torch.Generator) -> LinearDecoder:
        """Return means and directions."""
        if self.by not in ("class", "all"):
            raise ValueError(f"LinearGenerator(by={self.by!r}): by must be 'class' or 'all'")
        shape = source.schema.input_shape
        if not 1 <= self.n_components <= prod(shape):
            raise ValueError(
                f"LinearGenerator(n_components={self.n_components!r}): rows of {prod(shape)} features have 1 to "
                f"{prod(shape)} components"
            )
        sums = require(self, source, Sums, "the means and products of rows")
        classes, unit = range(source.schema.n_classes), 1 / source.spread
        groups = list(classes) if self.by == "class" else [None]
        fits = [_principal(sums.class_moments(group).scaled(unit), self.n_components) for group in groups]
        mean, directions, noise = (torch.stack(parts).to(source.dtype) for parts in zip(*fits, strict=True))
        shared = LinearDecoder(shape, mean, directions, noise)
        if self.by == "class":
            return shared
        about = [sums.class_moments(c).scaled(unit, -mean[0].double()) for c in classes]
        latents = [part.mapped(shared.inverse[0]) for part in about]  # (3)
        gaussians = LatentGaussians.of(latents, source.dtype)
        return LinearDecoder(shape, mean, directions, noise, gaussians)

    def needs_products(self) -> bool:
        """Tell that they are."""
        return True

    def has_code(self, row_shape: tuple[int, ...], n_classes: int) -> bool:
        """Tell that it has."""
        return True

    def decoder_bytes(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count means, which hold that of all images too, directions, and how many rows have each."""
        groups = 1 if self.by == "all" else n_classes
        return 4 * (self.n_numbers(row_shape, n_classes) + groups)

    def shape_of_latents(self, row_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the number of components."""
        return (self.n_components,)

    def n_numbers(self, row_shape: tuple[int, ...], n_classes: int) -> int:
        """Count means and directions."""
        return (1 if self.by == "all" else n_classes) * prod(row_shape) * (1 + self.n_components)


class LinearDecoder(LiveGenerator):
    """Rows that are linear in their latents.

    Parameters
    ----------
    row_shape : tuple of int
    mean : Tensor of shape (n, d)
        Of each class, or of all.
    directions : Tensor of shape (n, d, n_components)
        Orthogonal in each.
    noise_variance : Tensor of shape (n,)
    gaussians : LatentGaussians, default=None
        Of the latents of each class; None takes standard ones.
    """

    def __init__(
        self,
        row_shape: tuple[int, ...],
        mean: Tensor,
        directions: Tensor,
        noise_variance: Tensor,
        gaussians: LatentGaussians | None = None,
    ) -> None:
        super().__init__((directions.shape[2],), mean)
        self._row_shape, self._gaussians = row_shape, gaussians
        self.mean, self.directions, self.noise_variance = mean, directions, noise_variance
        squares = directions.square().sum(1, keepdim=True)
        # A class has no latents for directions in which it does not vary.
        self.inverse = directions / torch.where(squares > 0, squares, torch.inf)

    def decode(self, z: Tensor, key: Tensor) -> Tensor:
        """Return the rows."""
        rows = self._by_class(lambda part, c: part @ self.directions[c].T + self.mean[c], z, key)
        return rows.reshape(-1, *self._row_shape)

    def encode(self, X: Tensor, key: Tensor) -> Tensor:
        """Return the latents of least squares."""
        return self._by_class(lambda part, c: (part - self.mean[c]) @ self.inverse[c], X.flatten(1), key)  # (3)

    def numbers(self) -> tuple[Tensor, Tensor]:
        """Return means and directions."""
        return self.mean, self.directions

    def code(self, latents: Code, key: Tensor, offset: Tensor | float) -> LinearRows:
        """Return means, directions and latents."""
        groups = torch.zeros_like(key) if len(self.mean) == 1 else key
        counts = groups.bincount(minlength=len(self.mean))
        mean = self.mean.reshape(-1, *self._row_shape) + offset
        means, directions = (values.cpu().numpy().astype(np.float32) for values in (mean.flatten(1), self.directions))
        return LinearRows(self._row_shape, latents, means, directions, counts.cpu().numpy().astype(np.uint32))

    def draw(self, key: Tensor, generator: torch.Generator) -> Tensor:
        """Draw latents, as those of the classes are distributed."""
        noise = super().draw(key, generator)
        return noise if self._gaussians is None else self._gaussians.draw(noise, key)

    def _by_class(self, function: Callable[[Tensor, int], Tensor], values: Tensor, key: Tensor) -> Tensor:
        return function(values, 0) if len(self.mean) == 1 else by_class(function, values, key, len(self.mean))


def _principal(moments: GaussianMoments, n_components: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, directions and the variance of the noise."""
    values, vectors = torch.linalg.eigh(moments.covariance)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)[:, :n_components]
    others = values[n_components:]
    noise = others.mean() if len(others) else values.new_zeros(())  # (1)
    excess = values[:n_components] - noise
    # What is left of a variance that is none is rounding.
    excess = torch.where(excess > len(values) * torch.finfo(values.dtype).eps * values[0], excess, 0.0)
    # The sign of an eigenvector has no meaning; it must not depend on how sums were rounded.
    largest = vectors.gather(0, vectors.abs().argmax(0, keepdim=True))
    return moments.mean, vectors * largest.sign() * excess.sqrt(), noise  # (2)
