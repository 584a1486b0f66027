"""
===================
What a row is worth
===================

A wrong label harms the predictions of rows near to it. `row_values` tells what each row adds to them, in closed form,
so that wrong labels are found before anything is condensed.
"""

# %%
# Digits, a fifth of them with a wrong label
# ------------------------------------------
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from skdc import KMedoids
from skdc.weighting import row_values

digits = load_digits()
rng = np.random.default_rng(0)
wrong = rng.random(len(digits.target)) < 0.2
told = np.where(wrong, (digits.target + rng.integers(1, 10, len(wrong))) % 10, digits.target)
train, test = np.arange(1200), np.arange(1200, len(told))
value = row_values(digits.data[train], told[train])

# %%
# The values
# ----------
# Values are Shapley values of five neighbours: what a row adds to the votes for the right class, on average over all
# orders in which rows may come. Those of wrong labels are negative.
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
axes.hist([1e4 * value[~wrong[train]], 1e4 * value[wrong[train]]], bins=40, label=["right label", "wrong label"])
axes.set(xlabel="value, times 10,000", ylabel="rows")
axes.legend()
plt.show()

# %%
# The worst ones, as they are labelled
# ------------------------------------
figure, cells = plt.subplots(1, 8, figsize=(8, 1.6), layout="constrained")
for cell, row in zip(cells, np.argsort(value), strict=False):
    cell.imshow(digits.images[row], cmap="gray_r")
    cell.set_title(f"labelled {told[row]}", fontsize=8)
    cell.axis("off")
plt.show()

# %%
# Condensed with them, and without
# --------------------------------
for name, weight in {"all rows": None, "rows of positive value": (value > 0).astype(float)}.items():
    small = KMedoids(10, random_state=0).fit(digits.data[train], told[train], sample_weight=weight)
    model = LogisticRegression(max_iter=1000).fit(*small)
    print(f"{name}: {100 * model.score(digits.data[test], digits.target[test]):.1f}% of right labels predicted")
