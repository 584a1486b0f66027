"""
===============
A teacher first
===============

A network is trained on the data once. Then points are made that have the statistics which it has seen, or rows are
chosen of which it is sure; and it labels them. How much of what such a set is worth is in the labels?
"""

# %%
# Four sets of five digits a class
# --------------------------------
# All have the same teacher of labels, which is trained beforehand. That of images would be a ``ConvNet(norm="batch")``.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from skdc import PatchSelection, SoftLabelRandom, StaggeredMatching, StatisticsMatching
from skdc.condensed import CondensedSet
from skdc.learners import NetworkClassifier
from skdc.networks import MLP

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.4, random_state=0, stratify=y)
teacher = NetworkClassifier(MLP(norm="batch"), max_epochs=20, random_state=0).fit(X_train, y_train)
print(f"The teacher: {teacher.score(X_test, y_test):.3f}")

size = {"n_per_class": 5, "teacher": FrozenEstimator(teacher), "random_state": 0}
condensers = [SoftLabelRandom(**size), StatisticsMatching(**size), StaggeredMatching(**size), PatchSelection(**size)]

# %%
# Hard and soft labels
# --------------------
# A network learns from each set twice: from the classes alone, and from the probabilities that the teacher gives.
learner = NetworkClassifier(MLP(), max_epochs=150, random_state=0)
scores = {}
for condenser in condensers:
    X_syn, y_syn = condenser.fit(X_train, y_train)
    found = [
        CondensedSet(X_syn, y_syn, None, soft, condenser.classes_).train(learner).score(X_test, y_test)
        for soft in (None, condenser.y_soft_)
    ]
    scores[type(condenser).__name__] = found
    print(f"{type(condenser).__name__}: {found[0]:.3f} from hard labels, {found[1]:.3f} from soft ones")

# %%
# The first point of each class. Rows of which the teacher is surest are typical, and like each other.
figure, axes = plt.subplots(len(condensers), 10, figsize=(8, 3.6), layout="constrained")
for row, condenser in zip(axes, condensers, strict=True):
    for axis, digit in zip(row, range(10), strict=True):
        axis.imshow(condenser.X_syn_[np.flatnonzero(condenser.y_syn_ == digit)[0]].reshape(8, 8), cmap="gray_r")
        axis.set(xticks=[], yticks=[])
    row[0].set_ylabel(type(condenser).__name__, rotation=0, ha="right", va="center")
plt.show()
