"""
==========================================
Pipelines, and a search over whole methods
==========================================

A condenser changes the number of rows, which a plain ``Pipeline`` cannot pass on. ``CondensingPipeline`` can: it
scales, condenses and trains in one estimator, and scores on rows that were never condensed. What a condenser
minimises is a parameter like any other, so that a grid search can compare whole methods.
"""

# %%
# Scale, condense, train
# ----------------------
import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skdc import CondensedEstimator, Condenser, KMeansCondenser, make_condensing_pipeline
from skdc.discrepancies import MMD, Sinkhorn, SlicedWasserstein
from skdc.solvers import Descent

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
condenser = Condenser(solver=Descent(n_steps=30), n_per_class=10, random_state=0)
pipeline = make_condensing_pipeline(StandardScaler(), condenser, LogisticRegression())
print(f"trained on 20 condensed rows: {cross_val_score(pipeline, X, y, cv=3).mean():.3f}")
everything = make_pipeline(StandardScaler(), LogisticRegression())
print(f"trained on all rows:          {cross_val_score(everything, X, y, cv=3).mean():.3f}")

# %%
# A grid over what is minimised
# -----------------------------
# Discrepancies are values of the grid; so are sizes, and the parameters of a discrepancy one level further down.
grid = {"condenser__discrepancy": [MMD(), SlicedWasserstein(), Sinkhorn()], "condenser__n_per_class": [1, 10]}
search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
print("best:", search.best_params_)

inner = {"condenser__discrepancy": [MMD()], "condenser__discrepancy__bandwidth": [1.0, 10.0, "median"]}
bandwidths = GridSearchCV(pipeline, inner, cv=3).fit(X, y)
print("best bandwidth:", bandwidths.best_params_["condenser__discrepancy__bandwidth"])

# %%
# What each choice gives
# ----------------------
table = pd.DataFrame(search.cv_results_)
table["discrepancy"] = [type(d).__name__ for d in table["param_condenser__discrepancy"]]
scores = table.pivot(index="discrepancy", columns="param_condenser__n_per_class", values="mean_test_score")
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
scores.plot.barh(ax=ax, xlim=(0.8, 1), xlabel="accuracy, three folds", ylabel="")
ax.legend(title="rows a class", loc="center left", bbox_to_anchor=(1, 0.5))

# %%
# At the end of a plain pipeline
# ------------------------------
# ``CondensedEstimator`` holds a condenser and a model. It is a classifier (or a regressor, as its model is), so that
# it works wherever scikit-learn takes one: pipelines, searches, calibration, bagging.
model = make_pipeline(StandardScaler(), CondensedEstimator(condenser=KMeansCondenser(n_per_class=10), estimator=SVC()))
print(f"support vectors from 20 rows: {cross_val_score(model, X, y, cv=3).mean():.3f}")

plt.show()
