"""
===================
Tables as they come
===================

A frame of numbers, words, dates and missing values goes in, and rows of the same kind come out. For tables, which rows
and which labels decide what trees and neighbours learn; `AutoCondenser` tries several ways and keeps the best.
"""

# %%
# Customers who leave
# -------------------
# Two thousand made-up customers, one in five of whom leaves. Who leaves depends on the plan, on how long the customer
# has been there and on complaints, with much noise.
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skdc import AutoCondenser, KMedoids, RandomSubset, TabularCondenser
from skdc.plotting import MarginalsDisplay, TransferDisplay
from skdc.preprocessing import TabularEncoder

rng = np.random.default_rng(0)
n = 3000
frame = pd.DataFrame(
    {
        "plan": pd.Categorical(rng.choice(["basic", "family", "business"], n, p=[0.6, 0.3, 0.1])),
        "since": pd.Timestamp("2018-01-01") + pd.to_timedelta(rng.integers(0, 2500, n), unit="D"),
        "bill": rng.lognormal(3.5, 0.6, n).round(2),
        "complaints": rng.poisson(0.8, n),
        "age": np.where(rng.random(n) < 0.2, np.nan, rng.integers(18, 90, n)),
    }
)
years = (pd.Timestamp("2025-01-01") - frame["since"]).dt.days / 365
logit = 1.2 * frame["complaints"] - 0.6 * years + 1.5 * (frame["plan"] == "basic") + 0.02 * frame["bill"] - 2
left = pd.Series(np.where(rng.random(n) < 1 / (1 + np.exp(-logit)), "left", "stayed"), name="customer")
X_train, X_test, y_train, y_test = train_test_split(frame, left, test_size=1000, stratify=left, random_state=0)
print(y_train.value_counts(normalize=True).round(2).to_dict())

# %%
# Rows of the same kind
# ---------------------
# The frame goes in as it is. Six rows come out, with the share of the classes; their dtypes and categories are those of
# the frame.
X_syn, y_syn = condenser = TabularCondenser(n_samples=6, random_state=0).fit(X_train, y_train)
print(X_syn.assign(customer=y_syn))

# %%
# With the labels of a teacher, each row also says how sure its label is: gradient boosting was fitted on the others.
print(pd.DataFrame(condenser.y_soft_, columns=condenser.classes_, index=X_syn.index).round(2))

# %%
# Shares, and labels of a teacher
# -------------------------------
# Ten rows for each class, as is the custom of the field, tell a model that half of all customers leave. Weights put
# that right for models that take them; nearest neighbours take none. Twenty rows in proportion need no weights, and a
# teacher's labels are less noisy than those of single rows: `TabularCondenser` chooses in several ways among rows on
# whose classes a teacher agrees, labels them so, and keeps the set from which learners predict held-out rows best.
models = {
    "logistic": LogisticRegression(),
    "5-NN": KNeighborsClassifier(),
    "forest": RandomForestClassifier(random_state=0),
    "boosting": HistGradientBoostingClassifier(min_samples_leaf=1, random_state=0),
}
encoder = make_pipeline(TabularEncoder(), StandardScaler()).fit(X_train)


def scores(fitted):
    """Return the test accuracy of each model trained on a condensed set."""
    condensed = replace(fitted.condensed_, X=encoder.transform(fitted.condensed_.X))
    return [condensed.train(model).score(encoder.transform(X_test), y_test) for model in models.values()]


sets = {
    "random rows, ten a class": RandomSubset(n_per_class=10),
    "k-medoids, ten a class": KMedoids(n_per_class=10),
    "k-medoids, in proportion": KMedoids(n_samples=20),
    "TabularCondenser, in proportion": TabularCondenser(n_samples=20),
}
found = {
    name: np.mean([scores(part.set_params(random_state=seed).fit(X_train, y_train)) for seed in range(2)], axis=0)
    for name, part in sets.items()
}
whole = encoder.transform(X_train)
found["all 2000 rows"] = [
    model.fit(whole, y_train).score(encoder.transform(X_test), y_test) for model in models.values()
]
table = pd.DataFrame(found, index=list(models)).T
print(table.round(3))

# %%
# A condenser that chooses itself
# -------------------------------
# Told the model, `AutoCondenser` holds out a quarter of the training rows and keeps the set on which the model does
# best there; random rows are always a candidate. No method is best for all models, as the picture below says too.
forest = make_pipeline(TabularEncoder(), RandomForestClassifier(random_state=0))
auto = AutoCondenser(forest, n_per_class=10, time_budget=5, random_state=0).fit(X_train, y_train)
print(auto.reason_)
print(auto.leaderboard_[["candidate", "rows", "score", "seconds"]].head().round(3))

# %%
display = TransferDisplay(table, table.index, table.columns).plot()
display.ax_.set_title("Test accuracy with 20 rows")

# %%
# What the set looks like
# -----------------------
# The columns of the set beside those of the data, the most different first: a set is made to train models, and not to
# look like the data.
MarginalsDisplay.from_condenser(auto, X_train, y_train)
plt.show()
