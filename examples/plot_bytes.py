"""
=================
Sets of few bytes
=================

A kilobyte holds 14 of the digits as they are, and several times as many that are stored in few bits; a model learns
more from many rough ones than from a few. Not each storage pays: of eight pixels, half of them tell little. The first
four sets are random rows, of which nothing was optimised; the last one is condensed as it is stored.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skdc import Condenser
from skdc.discrepancies import MMD
from skdc.parameterizations import Points, Subset
from skdc.parameterizations.storage import Frequencies, LowResolution, Quantized
from skdc.solvers import Draw

digits = load_digits()
images = digits.images.astype(np.uint8)
X, X_test, y, y_test = train_test_split(images, digits.target, random_state=0)
budget = {"n_bytes": "1 kB", "random_state": 0}


def rows(storage):
    """Return random rows, as a storage keeps them."""
    return Condenser(None, Subset(storage), Draw(), **budget)


frequencies = Quantized(4, Frequencies(16))
sets = {
    "pixels": rows(None),
    "pixels of 2 bits": rows(Quantized(2)),
    "half the side, 2 bits": rows(Quantized(2, LowResolution(2))),
    "16 frequencies, 4 bits": rows(frequencies),
    "16 frequencies, condensed": Condenser(MMD(), Points(frequencies), **budget),
}

# %%
# One image of each class, and what an SVC that is trained on all of them gets right.
figure, axes = plt.subplots(len(sets), 10, figsize=(8, 4.6))
for line, (name, condenser) in zip(axes, sets.items(), strict=True):
    X_syn, y_syn = condenser.fit(X, y)
    score = SVC().fit(X_syn.reshape(len(X_syn), -1), y_syn).score(X_test.reshape(-1, 64), y_test)
    stored = condenser.storage_
    line[0].set_title(
        f"{name}: {stored['points']} images in {stored['bytes']} bytes, SVC {score:.2f}", loc="left", size=9
    )
    for axis, label in zip(line, range(10), strict=True):
        axis.imshow(X_syn[y_syn == label][0], cmap="gray_r", vmin=0, vmax=16)
        axis.set_axis_off()
plt.show()
