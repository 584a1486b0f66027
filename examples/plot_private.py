"""
==========================
What privacy is traded for
==========================

A set that is shown to others tells of the rows that it was made from, and so do the models that are trained on it. A
private set is made from sums with noise: the smaller epsilon is, the more noise, and the less can be told of any one
row.
"""

# %%
# Twenty thousand people
# ----------------------
# Made-up measurements in two classes. What they can be is known without looking at anybody: numbers from -8 to 8. This
# range decides how much one person can change a sum.
import matplotlib.pyplot as plt
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from skdc import Condenser, KMeansCondenser, KMedoids, PrivateMeanEmbedding
from skdc.discrepancies import QuantizationError
from skdc.evaluation import membership_inference
from skdc.plotting import ObjectiveFrontDisplay
from skdc.privacy import ClassGaussians, GaussianMechanism, PrivacyLedger
from skdc.solvers import Lloyd

X, y = make_classification(20_000, 10, n_informative=5, n_clusters_per_class=1, flip_y=0.02, random_state=3)
X_train, X_test, y_train, y_test = train_test_split(X.clip(-8, 8), y, random_state=0)
known = (-8.0, 8.0)

# %%
# A private set
# -------------
# `ClassGaussians` releases the mean and the covariance of each class. Rows drawn from these stand for the data, and any
# condenser may follow: here k-means. The fitted condenser says what was released.
k_means = {"discrepancy": QuantizationError(), "solver": Lloyd(), "n_per_class": 10, "random_state": 0}
condenser = Condenser(**k_means, privacy=ClassGaussians(epsilon=1.0, feature_range=known)).fit(X_train, y_train)
for name, value in condenser.privacy_.items():
    print(f"{name}: {value}")

# %%
# Accuracy against epsilon
# ------------------------
# The noise is drawn anew in each fit. `PrivateMeanEmbedding` fits the points to released mean features.


def epsilon(model, X, y):
    """Return what the set was allowed to tell."""
    return model.condenser_.privacy_["epsilon"]


figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.set_xscale("log")
recipes = {
    "class Gaussians, k-means": Condenser(**k_means, privacy=ClassGaussians(feature_range=known)),
    "mean embedding": PrivateMeanEmbedding(
        bandwidth=3.0, n_steps=100, privacy=GaussianMechanism(feature_range=known), n_per_class=10
    ),
}
for recipe, unfitted in recipes.items():
    ObjectiveFrontDisplay.from_parameter(
        unfitted,
        "privacy__epsilon",
        [0.03, 0.1, 0.3, 1.0],
        SVC(),
        *(X_train, y_train, X_test, y_test),
        objective=epsilon,
        objective_name="epsilon",
        random_states=[0, 1, 2],
        ax=axes,
        name=recipe,
    )
free = KMeansCondenser(n_per_class=10, random_state=0).fit(X_train, y_train)
axes.axhline(SVC().fit(*free).score(X_test, y_test), linestyle=":", color="gray", label="k-means, not private")
axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), fontsize="small")
axes.set_title("SVC on 20 rows")
plt.show()

# %%
# What other sets tell
# --------------------
# An attack looks for rows that are close to a synthetic one. Of a selection it finds the rows that were chosen, all of
# them; of the private set nothing, or little. Rows are few here: an epsilon of 1 would leave nothing of them.
few, labels = X_train[:400], y_train[:400]
attacked = {
    "k-medoids": KMedoids(n_per_class=10),
    "k-means": KMeansCondenser(n_per_class=10),
    "private, epsilon 10": Condenser(**k_means, privacy=ClassGaussians(epsilon=10.0, feature_range=known, n_rows=1000)),
}
for name, unfitted in attacked.items():
    found = membership_inference(unfitted, few, labels, n_fits=8).closest
    print(f"{name}: finds {found.true_positive_rate:.0%} of the members at 1% false alarms")

# %%
# Two fits tell more than one
# ---------------------------
# A ledger adds up what has been released of the same rows, and refuses what would be too much.
ledger = PrivacyLedger(epsilon=1.4)
mechanism = ClassGaussians(epsilon=1.0, feature_range=known, ledger=ledger)
condenser = Condenser(**k_means, privacy=mechanism).fit(X_train, y_train)
print(f"spent: {ledger.spent():.2f}")
try:
    condenser.fit(X_train, y_train)
except ValueError as error:
    print(error)
