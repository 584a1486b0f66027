"""The network by which the field evaluates sets of images."""

from __future__ import annotations

from functools import partial
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from skorch.callbacks import Callback, LRScheduler
from torch.optim.lr_scheduler import MultiStepLR

from skdc.augmentation import Augmentation, SiameseAugmentation
from skdc.images import ImageLayout
from skdc.learners.network import NetworkClassifier
from skdc.networks import ConvNet


class StandardConvNet(NetworkClassifier):
    """The learner of published tables: a ConvNet, trained from scratch on a set by the protocol of the field [1]_ [2]_.

    Three blocks of 3x3 convolution with 128 channels, instance norm, ReLU and average pooling, and a linear layer; SGD
    with momentum, whose step size is a tenth in the second half; siamese augmentation. A smaller `width` and fewer
    `max_epochs` make it cheaper.

    Parameters
    ----------
    width : int, default=128
        Channels of each block.
    depth : int, default=3
        Blocks; each halves the image.
    lr : float, default=0.01
        Step size, of the first half of the epochs.
    momentum : float, default=0.9
    weight_decay : float, default=0.0005
    max_epochs : int, default=300
        The code of the papers takes 1000 where images are augmented.
    batch_size : int, default=256
    standardize : bool, default=True
        Subtract the mean of all entries of the set, and divide by their deviation.
    augmentation : Augmentation, "siamese" or None, default="siamese"
        How each image is changed before it is learned from. "siamese" is `SiameseAugmentation()`, without the mirror,
        as digits want it; say `SiameseAugmentation(flip=True)` for photographs and clothes. None changes nothing.
    classes : array-like of shape (n_classes,), default=None
        As in `NetworkClassifier`.
    device : str, default="cpu"
    random_state : int, RandomState or None, default=None
    verbose : int, default=0

    Attributes
    ----------
    classes_, module_, history_, n_features_in_
        As in `NetworkClassifier`.

    Notes
    -----
    y may hold labels or class probabilities. Around grey images there are two rows and columns of zeros, as in that
    code. It draws one kind of change for each batch, and how large it is for each image; here both are drawn for each
    image, and brightness, saturation and contrast are kinds of their own, not one.

    References
    ----------
    .. [1] Zhao, Mopuri and Bilen, "Dataset Condensation with Gradient Matching", 2021.
    .. [2] Zhao and Bilen, "Dataset Condensation with Differentiable Siamese Augmentation", 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skdc import KMeansCondenser
    >>> from skdc.learners import StandardConvNet
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X.reshape(-1, 8, 8)
    >>> X_syn, y_syn = KMeansCondenser(n_per_class=5, random_state=0).fit(X, y)
    >>> network = StandardConvNet(width=8, max_epochs=40, lr=0.1, random_state=0).fit(X_syn, y_syn)
    >>> bool(network.score(X, y) > 0.7)
    True
    """

    def __init__(
        self,
        width: int = 128,
        *,
        depth: int = 3,
        lr: float = 0.01,
        momentum: float = 0.9,
        weight_decay: float = 0.0005,
        max_epochs: int = 300,
        batch_size: int = 256,
        standardize: bool = True,
        augmentation: Augmentation | Literal["siamese"] | None = "siamese",
        classes: ArrayLike | None = None,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            standardize=standardize,
            augmentation=augmentation,  # type: ignore[arg-type]  # a word is made one as it trains
            classes=classes,
            device=device,
            random_state=random_state,
            verbose=verbose,
        )
        self.width = width
        self.depth = depth
        self.momentum = momentum
        self.weight_decay = weight_decay

    # What the classifier and skorch call, from what the parameters are now.

    def _builder(self) -> ConvNet:
        """Return the network; there are zeros around grey images."""
        grey = ImageLayout(self.input_shape_, None).shape[0] == 1
        return ConvNet(self.width, self.depth, padding=2 if grey else 0)

    def _changes(self) -> Augmentation | None:
        """Return how images are changed."""
        if isinstance(self.augmentation, str):
            if self.augmentation != "siamese":
                raise ValueError(f"augmentation={self.augmentation!r} must be 'siamese', an Augmentation or None")
            return SiameseAugmentation()
        return self.augmentation

    def initialize_optimizer(self, triggered_directly: bool | None = None) -> Self:
        """Build the optimizer."""
        self.optimizer = partial(torch.optim.SGD, momentum=self.momentum, weight_decay=self.weight_decay)
        return super().initialize_optimizer(triggered_directly)

    def get_default_callbacks(self) -> list[tuple[str, Callback]]:
        """Return what records and prints the loss, and what makes the step size a tenth."""
        halved = LRScheduler(MultiStepLR, milestones=[self.max_epochs // 2 + 1], gamma=0.1)
        return [*super().get_default_callbacks(), ("step_size", halved)]
