"""
===================
Workers of a client
===================

Where a ``distributed.Client`` is current, the tasks of a fit go to its workers: they read the pieces, and what two
pieces give is merged there. What comes out is what one thread gives, bit for bit.
"""

# %%
# Pieces that are made where they are read
# ----------------------------------------
# No row is sent: a piece is a function, and the same rows come of it each time.
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client, LocalCluster

from skdc import KMeansCondenser, Partitions


def made(i):
    """Return ten thousand rows of three classes."""
    rng = np.random.default_rng(i)
    kind = rng.integers(0, 3, 10_000)
    angle = 2 * np.pi * (kind / 3 + rng.normal(scale=0.06, size=10_000))
    radius = rng.uniform(1, 2, 10_000)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), kind


partitions = Partitions([lambda i=i: made(i) for i in range(8)], max_rows=5_000)
condenser = KMeansCondenser(6, random_state=0)

# %%
# Two workers, and then none
# --------------------------
# They are threads here; without ``processes=False`` they are processes, which a script starts below
# ``if __name__ == "__main__":``. ``Client("tcp://...")`` takes those of other machines.
how = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
with LocalCluster(**how) as workers, Client(workers):
    together = condenser.fit(partitions).X_syn_
alone = condenser.fit(partitions).X_syn_
print("the same bits:", np.array_equal(together, alone))

# %%
# Six points a class
# ------------------
# Each is as large as what it stands for, of all eighty thousand rows.
X, y = made(100)
plt.figure(figsize=(4.5, 4.5), layout="constrained")
plt.scatter(*X[:3000].T, c=y[:3000], cmap="viridis", s=2, alpha=0.4)
size = 60 * condenser.sample_weight_
plt.scatter(*condenser.X_syn_.T, c=condenser.y_syn_, cmap="viridis", edgecolor="black", s=size)
plt.gca().set_aspect("equal")
plt.show()
