"""
===========================
What fairness is traded for
===========================

A model that is trained on a condensed set treats groups of people as the set teaches it to. A fairness term makes the
set such that learners that are trained on it decide alike for all groups, without seeing who belongs to which; its
weight says how much accuracy that may cost.
"""

# %%
# Loans
# -----
# Two thousand made-up people. Who pays back depends on the income, and on the hours worked; one of two groups has less
# of both. The group itself is not among the columns, but the district, which tells much of it, is.
import matplotlib.pyplot as plt
import numpy as np
from fairlearn.metrics import demographic_parity_difference
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from skdc import Condenser, RandomSubset
from skdc.discrepancies import CrossEntropy, DemographicParity, EqualizedOdds
from skdc.evaluation import fairness_table
from skdc.parameterizations import Points
from skdc.parameterizations.storage import Fixed
from skdc.plotting import ObjectiveFrontDisplay
from skdc.solvers import Descent
from skdc.spaces import NeighborPredictions

rng = np.random.default_rng(0)
n = 2000
group = rng.choice(["a", "b"], n)
income, hours = rng.normal(size=(2, n)) + 0.7 * (group == "b")
district = rng.normal(size=n) + 1.5 * (group == "b")
pays = np.where(rng.random(n) < 1 / (1 + np.exp(-2 * (income + 0.5 * hours) + 0.5)), "pays", "fails")
X = np.stack([income, hours, district, rng.normal(size=n)], axis=1)
X_train, X_test, y_train, y_test, group_train, group_test = train_test_split(X, pays, group, random_state=0)
for name in ("a", "b"):
    print(f"group {name}: {np.mean(y_train[group_train == name] == 'pays'):.2f} pay back")

# %%
# Terms of fairness
# -----------------
# The rows are real ones, and their labels, probabilities, are learned: such that what neighbours predict of the data is
# right, and differs little between the groups. `DemographicParity` looks at all rows, `EqualizedOdds` at those of each
# class. Both ask the space of the discrepancy that they are added to. The groups are told to `fit`, and are not part of
# what comes out.
space = NeighborPredictions()
right = CrossEntropy(space=space, by=None)
fair = right + 3.0 * DemographicParity(1.0, space=space)
settings = Points(Fixed(), labels="probabilities"), Descent(step_size=0.1, n_steps=60)
condenser = Condenser(fair, *settings, n_per_class=25, random_state=0)
condenser.fit(X_train, y_train, sensitive_features=group_train)
print(condenser.y_soft_[:3].round(2))

# %%
# `fairness_table` trains learners on a set and measures them with fairlearn. The balanced accuracy tells a fair learner
# from one that says the same of nearly all.
learners = {
    "logistic": LogisticRegression(),
    "SVC": SVC(),
    "5-NN": KNeighborsClassifier(),
    "forest": RandomForestClassifier(random_state=0),
}
plain = Condenser(right, *settings, n_per_class=25, random_state=0).fit(X_train, y_train)
random = RandomSubset(n_per_class=25, random_state=0).fit(X_train, y_train)
for name, fitted in {"random rows": random, "learned labels": plain, "fair learned labels": condenser}.items():
    print(name)
    print(fairness_table(fitted, X_test, y_test, sensitive_features=group_test, learners=learners))

# %%
# The front
# ---------
# One call makes a set for each weight of the term, trains a model on it and measures it twice. Equal odds let groups
# differ as their shares of those who pay back do; parity does not, and costs more.


def parity(model, X, y):
    """Return the demographic parity difference of a model on the test rows."""
    return demographic_parity_difference(y == "pays", model.predict(X) == "pays", sensitive_features=group_test)


figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for term, part in ((DemographicParity, "demographicparity"), (EqualizedOdds, "equalizedodds")):
    ObjectiveFrontDisplay.from_parameter(
        Condenser(right + term(1.0, space=space), *settings, n_per_class=25),
        f"discrepancy__{part}__weight",
        [0.1, 1.0, 3.0, 10.0],
        LogisticRegression(),
        *(X_train, y_train, X_test, y_test),
        objective=parity,
        objective_name="demographic parity difference",
        fit_params={"sensitive_features": group_train},
        random_states=[0, 1],
        ax=axes,
        name=term.__name__,
    )
axes.set_title("Logistic regression on 50 rows, by the weight of the term")
plt.show()
