"""
=============================================
Learned targets, and the learner they are for
=============================================

``KernelInducingPoints`` (KIP) moves the rows and their targets so that kernel ridge regression on them predicts the
data. What comes out is a set *and* the learner that can use all of it.
"""

# %%
# A set for kernel ridge regression
# ---------------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from skdc import KernelInducingPoints
from skdc.plotting import HistoryDisplay

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)

kip = KernelInducingPoints(n_steps=500, n_per_class=1, random_state=0).fit(X_train, y_train)

# %%
# Three views of the targets
# --------------------------
# ``y_learned_`` are the targets as they were optimised, of any sign; kernel ridge regression takes them as they are.
# ``y_soft_`` are the nearest class probabilities, for models that take those. ``y_syn_`` are plain labels.
# ``learner_`` is kernel ridge regression fitted on the set with the learned targets, in the units of the data.
X_syn, y_syn = kip
print("label 3 as it was learned:", kip.y_learned_[3].round(2))
print("    as probabilities:     ", kip.y_soft_[3].round(2))
print("    as a plain label:     ", y_syn[3])
print(f"accuracy of its own learner:                    {kip.learner_.score(X_test, y_test):.3f}")
linear = LogisticRegression(max_iter=1000).fit(X_syn, y_syn)
print(f"accuracy of another model, with plain labels:   {linear.score(X_test, y_test):.3f}")

# %%
# What the learned targets say
# ----------------------------
# Each line is a synthetic image, each column a class: off the diagonal stands what an image says about the classes
# that it does not belong to. Few images have to stand for many, so the targets leave the range from 0 to 1.
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
largest = np.abs(kip.y_learned_).max()
shown = left.imshow(kip.y_learned_, cmap="RdBu", vmin=-largest, vmax=largest)
left.set(title="learned targets", xlabel="class", ylabel="synthetic image", xticks=range(10), yticks=range(10))
figure.colorbar(shown, ax=left)
HistoryDisplay.from_condenser(kip, ax=right)

# %%
# Continuous targets
# ------------------
# For regression the targets are learned all the same; ``y_syn_`` are numbers in the units of y.
rng = np.random.default_rng(0)
x = rng.uniform(-3, 3, size=(500, 1))
target = 20 + 5 * np.sin(2 * x[:, 0]) + rng.normal(scale=0.5, size=500)
curve = KernelInducingPoints(n_steps=500, n_samples=12, random_state=0).fit(x, target)

grid = np.linspace(-3, 3, 200)[:, None]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
ax.scatter(x[:, 0], target, s=4, alpha=0.4, label="500 rows")
ax.plot(grid[:, 0], curve.learner_.predict(grid), color="black", label="kernel ridge on 12")
ax.scatter(curve.X_syn_[:, 0], curve.y_syn_, color="red", zorder=3, label="12 synthetic rows")
ax.set(ylim=(10, None), xlabel="x", ylabel="target")
ax.legend(loc="lower center", ncols=3)

plt.show()
