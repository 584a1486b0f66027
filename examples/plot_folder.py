"""
====================================
A folder of Parquet, never in memory
====================================

A row group at a time is read, and none stays. k-means and kernel thinning see all rows, in a few passes over the
folder; what they make of it does not depend on how the rows are cut into files. Run as a script it takes a number of
rows: ``python examples/plot_folder.py 5_000_000``.
"""

# %%
# The folder
# ----------
# Two moons in files of fifty thousand rows each, written one after the other.
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import make_moons
from sklearn.svm import SVC

from skdc import KernelThinning, KMeansCondenser, Partitions

n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
for i in range(max(1, n_rows // 50_000)):
    X, y = make_moons(50_000, noise=0.15, random_state=i)
    pd.DataFrame(X, columns=["east", "north"]).assign(moon=y).to_parquet(folder / f"{i:04}.parquet")

# %%
# Three passes, or some more
# --------------------------
# ``target`` names the column that holds the classes. ``max_rows`` bounds the sample that is held beside.
partitions = Partitions.from_parquet(folder, target="moon", max_rows=20_000)
sets = {}
for condenser in (KMeansCondenser(10, random_state=0), KernelThinning(10, random_state=0)):
    began = perf_counter()
    sets[type(condenser).__name__] = condenser.fit(partitions)
    print(f"{condenser}: {len(partitions)} row groups, {perf_counter() - began:.1f} s")

# %%
# Twenty rows for all of them
# ---------------------------
test, labels = make_moons(2_000, noise=0.15, random_state=10**6)
test = pd.DataFrame(test, columns=["east", "north"])
figure, axes = plt.subplots(1, len(sets), sharex=True, sharey=True, figsize=(8, 3.5), layout="constrained")
for (name, condenser), ax in zip(sets.items(), axes, strict=True):
    X_syn, y_syn = condenser
    accuracy = SVC(gamma=2).fit(X_syn, y_syn).score(test, labels)
    ax.scatter(test["east"], test["north"], c=labels, cmap="coolwarm", s=2, alpha=0.25)
    ax.scatter(X_syn["east"], X_syn["north"], c=y_syn, cmap="coolwarm", edgecolor="black", s=60)
    ax.set_title(f"{name}: {accuracy:.1%} of new rows right")

temporary.cleanup()
plt.show()
