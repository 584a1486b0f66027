"""
===================
Points by generator
===================

A generator learns what the data look like, and decodes latents into rows that are like them. It draws rows, and points
of a set can be its latents, so that they stay where data are. Points that move freely need not: to trees, which ask
about single pixels, they are no digits. Generators are small here, and trained for seconds.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skdc import DistributionMatching, GenerativeModel, GenerativePrior, InfluenceGuidance, LatentQuantization
from skdc.generators import (
    AdversarialGenerator,
    DiffusionGenerator,
    FlowGenerator,
    LinearGenerator,
    StyleGenerator,
    VariationalGenerator,
)
from skdc.networks import MLP

digits = load_digits()
images = digits.images.astype(np.uint8)
X, X_test, y, y_test = train_test_split(images, digits.target, random_state=0)

# %%
# What generators draw: one image of each class.
generators = {
    "linear": LinearGenerator(),
    "variational": VariationalGenerator(n_steps=500),
    "adversarial": AdversarialGenerator(n_steps=500),
    "style": StyleGenerator(n_steps=200),
    "diffusion": DiffusionGenerator(VariationalGenerator(n_steps=500), n_steps=500),
    "flow": FlowGenerator(VariationalGenerator(n_steps=500), n_steps=150),
}


def draw(line, images, title):
    """Draw one image of each class."""
    line[0].set_title(title, loc="left", size=9)
    for axis, image in zip(line, images, strict=True):
        axis.imshow(image, cmap="gray_r", vmin=0, vmax=16)
        axis.set_axis_off()


figure, axes = plt.subplots(len(generators) + 1, 10, figsize=(8, 7.6))
draw(axes[0], [X[y == label][0] for label in range(10)], "rows of the data")
for line, generator in zip(axes[1:], generators.values(), strict=True):
    model = GenerativeModel(generator, random_state=0).fit(X, y)
    draw(line, model.sample(10, np.arange(10))[0], f"drawn by {type(generator).__name__}")
plt.show()

# %%
# Sets of ten images a class, one of each shown. The first two match the same features; what differs is where points may
# be. The others are samples that a discrepancy has guided, and means of latents.
variational = generators["variational"]
sets = {
    "free points": DistributionMatching(network=MLP()),
    "latents": GenerativePrior(network=MLP(), generator=variational),
    "guided samples": InfluenceGuidance(generator=generators["diffusion"]),
    "means of latents": LatentQuantization(generator=variational),
}
figure, axes = plt.subplots(len(sets), 10, figsize=(8, 4.4))
for line, (name, condenser) in zip(axes, sets.items(), strict=True):
    X_syn, y_syn = condenser.set_params(n_per_class=10, random_state=0).fit(X, y)
    forest, machine = (
        learner.fit(X_syn.reshape(-1, 64), y_syn).score(X_test.reshape(-1, 64), y_test)
        for learner in (RandomForestClassifier(random_state=0), SVC())
    )
    shown = [X_syn[y_syn == label][0] for label in range(10)]
    draw(line, shown, f"{name}: forest {forest:.2f}, SVC {machine:.2f}")
plt.show()
