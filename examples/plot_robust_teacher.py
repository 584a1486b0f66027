"""
================================
Labels that make networks robust
================================

A network that is trained on a condensed set can be misled by small changes of a row. The labels of a teacher that was
trained against such attacks help, though the network itself is trained in the usual way.
"""

# %%
# The same points, three kinds of labels
# --------------------------------------
# Distribution matching makes five digits a class. Their labels are hard; or those of a teacher that was trained as
# usual; or those of a teacher that saw each row moved to where it errs most, by up to a tenth of the range of a pixel.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdc import Condenser
from skdc.discrepancies import MeanDistance
from skdc.evaluation import default_attacks, robustness_table
from skdc.learners import AdversarialTraining, NetworkClassifier, Softened
from skdc.networks import MLP
from skdc.parameterizations import Points
from skdc.solvers import Descent
from skdc.spaces import RandomNetwork

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32).reshape(-1, 8, 8)
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
RADIUS = 0.1


def teacher(defense):
    """Return a teacher that is not too sure."""
    network = NetworkClassifier(MLP(), lr=0.003, max_epochs=30, defense=defense, random_state=0)
    return Softened(network, temperature=4)


labels = {
    "hard labels": Points(),
    "a teacher's labels": Points(labels="teacher", teacher=teacher(None)),
    "a robust teacher's labels": Points(labels="teacher", teacher=teacher(AdversarialTraining(RADIUS))),
}
sets = {
    name: Condenser(MeanDistance(space=RandomNetwork()), points, Descent(n_steps=100), n_per_class=5, random_state=0)
    for name, points in labels.items()
}

# %%
# What attacks leave
# ------------------
# Projected gradient descent (PGD) moves each test row to where the network errs most, within a radius. An attack that
# asks for predictions alone (HopSkipJump) tells whether a network that withstands the first merely hides its gradients.
radii = [0.02, 0.05, 0.1, 0.15]
curves = {}
for name, condenser in sets.items():
    condenser.fit(X_train, y_train)
    network = {"network": NetworkClassifier(MLP(), lr=0.003, max_epochs=150, random_state=0)}
    given = {"learners": network, "corruptions": {}, "n_attacked": 200}
    found = [
        robustness_table(condenser, X_test, y_test, attacks={"PGD": default_attacks(radius, (8, 8))["PGD"]}, **given)
        for radius in radii
    ]
    cells = [table.scores["network"]["PGD"] for table in found]
    curves[name] = [cells[0]["clean"], *(cell["robust"] for cell in cells)]
chosen = {name: default_attacks(RADIUS, (8, 8))[name] for name in ("FGSM", "PGD", "HopSkipJump")}
given["n_attacked"] = 50
print(robustness_table(sets["a robust teacher's labels"], X_test, y_test, attacks=chosen, **given))

# %%
figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
for name, scores in curves.items():
    axes.plot([0, *radii], scores, marker="o", label=name)
axes.set(xlabel="radius of the attack (range of a pixel: 1)", ylabel="test accuracy", ylim=(0, 1))
axes.legend()
axes.set_title("An MLP trained on 50 rows")
plt.show()
