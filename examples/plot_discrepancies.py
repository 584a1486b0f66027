"""
==================================
Which discrepancy condenses digits
==================================

The discrepancy is a parameter. Here one of each family condenses the digits to ten rows a class, and three models are
trained on the result, with plain labels and without weights. Random rows are the measure: a discrepancy that does not
beat them is not for this use, and the table says so.
"""

# %%
# Everything that can be minimised
# --------------------------------
# Discrepancies between clouds of points and between mean features are used alone, in the space of the pixels. Aligned
# ones compare gradients or predictions, so they need the space that shows these. Penalties look at the synthetic set
# only and are added to a discrepancy.
import os

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import ttest_rel
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from skdc import Condenser, RandomSubset
from skdc import discrepancies as d
from skdc.kernels import InverseMultiquadric, Laplace, Polynomial
from skdc.learners import AlternatingNetworks
from skdc.parameterizations import Points
from skdc.plotting import TransferDisplay
from skdc.solvers import Descent
from skdc.spaces import KernelRidgePredictions, NetworkGradients

# What a network or a kernel ridge learns by heart wants few and small steps: these were chosen on a part of the
# training rows. Labels are learned where the predictions are compared, and given as plain ones to the models.
predictions = {"space": KernelRidgePredictions(), "by": None}
short = Descent(step_size=0.02, n_steps=100)


def in_pixels(*discrepancies):
    """Return condensers that compare the pixels."""
    return [Condenser(discrepancy) for discrepancy in discrepancies]


def of_predictions(*discrepancies):
    """Return condensers that compare what kernel ridge regression predicts."""
    return [Condenser(discrepancy, Points(labels="learned"), short) for discrepancy in discrepancies]


FAMILIES = {
    "kernels": in_pixels(
        d.MMD(),
        d.MMD(kernel=Laplace()),
        d.MMD(kernel=InverseMultiquadric()),
        d.MMD(kernel=Polynomial()),
        d.RandomFeatureMMD(),
        d.NystromError(),
    ),
    "distances": in_pixels(d.EnergyDistance()),
    "moments": in_pixels(d.MeanDistance(), d.Moments(), d.Moments(covariance=True)),
    "characteristic functions": in_pixels(d.CharacteristicFunction(), d.LearnedCharacteristicFunction()),
    "nearest points": in_pixels(d.QuantizationError(), d.CoveringRadius()),
    "transport": in_pixels(d.Sinkhorn(), d.Wasserstein(), d.UnbalancedSinkhorn(), d.LabeledTransport()),
    "projections": in_pixels(d.SlicedWasserstein(), d.MaxSlicedWasserstein()),
    "distances within a set": in_pixels(d.GromovWasserstein()),
    "quantiles": in_pixels(
        d.QuantileMatching(),
        d.QuantileMatching(n_projections=50),
        d.CramerVonMises(),
        d.CramerVonMises(n_projections=50),
    ),
    "densities": in_pixels(d.GaussianKL(), d.GaussianWasserstein(), d.NearestNeighborKL(), d.KernelStein()),
    "penalties": in_pixels(
        d.MMD() + 0.1 * d.Diversity(),
        d.MMD() + 0.01 * d.L2Norm(),
        d.MMD() + 0.1 * d.TotalVariation(image_shape=(8, 8)),
        d.MMD() + 0.1 * d.TeacherLoss(),
        d.MMD() + 0.1 * d.Curvature(),
    ),
    "predictions": of_predictions(
        d.CrossEntropy(temperature=0.1, **predictions),
        d.KLDivergence(temperature=0.1, **predictions),
        d.SquaredL2(**predictions),
        d.SquaredL2(**predictions) + 0.1 * d.LabelMargin(),
        d.L1(**predictions),
    ),
    "gradients": [Condenser(d.Cosine(space=NetworkGradients(AlternatingNetworks(n_updates=10))))],
    "rows and labels together": [Condenser(d.ConditionalMMD(), solver=Descent(batch_size=512))],
    "critics": [
        Condenser(d.Adversarial(penalty=1.0, critic_rate=0.01), solver=short),
        Condenser(d.FDivergence(critic_rate=0.01), solver=short),
    ],
}

# %%
# Ten rows a class, three models
# ------------------------------
# The first of each family, one split and one seed here. ``SKDC_DEMO_ALL=1`` takes all, and ``SKDC_DEMO_SEEDS=5``
# five seeds: the figures of the benchmarks.
SEEDS = range(int(os.environ.get("SKDC_DEMO_SEEDS", "1")))
ALL = os.environ.get("SKDC_DEMO_ALL", "0") == "1"
MODELS = {"logistic": LogisticRegression(max_iter=2000), "1-NN": KNeighborsClassifier(1), "MLP": MLPClassifier()}
X, y = load_digits(return_X_y=True)


def accuracies(condenser, seed):
    """Return the test accuracy of each model trained on ten rows a class."""
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=seed)
    X_syn, y_syn = condenser.set_params(n_per_class=10, random_state=seed).fit(X_train, y_train)
    MODELS["MLP"].set_params(max_iter=2000, random_state=seed)
    return [model.fit(X_syn, y_syn).score(X_test, y_test) for model in MODELS.values()]


def formula(discrepancy):
    """Return a sum as it is written."""
    terms = []
    for leaf in discrepancy.leaves():
        factor = "" if leaf.weight == 1 else f"{leaf.weight:g} * "
        terms.append(factor + " ".join(repr(clone(leaf).set_params(weight=1.0)).split()))
    return " + ".join(terms)


scores = {"random rows": np.array([accuracies(RandomSubset(), seed) for seed in SEEDS])}
print("| discrepancy |", " | ".join(MODELS), "|\n|---|---|---|---|")
for condenser in [condenser for family in FAMILIES.values() for condenser in (family if ALL else family[:1])]:
    name = formula(condenser.discrepancy)
    scores[name] = np.array([accuracies(condenser, seed) for seed in SEEDS])
    print(f"| `{name}` |", " | ".join(f"{score:.3f}" for score in scores[name].mean(axis=0)), "|", flush=True)
print("| random rows |", " | ".join(f"{score:.3f}" for score in scores["random rows"].mean(axis=0)), "|")
if len(SEEDS) > 1:
    for name in list(scores)[1:]:
        p_values = ttest_rel(scores[name], scores["random rows"]).pvalue
        if p_values[0] >= 0.05 or scores[name].mean(axis=0)[0] < scores["random rows"].mean(axis=0)[0]:
            p_values = dict(zip(MODELS, p_values.round(3).tolist(), strict=True))
            print(f"`{name}` is not better than random rows; p:", p_values)

# %%
# The picture
# -----------
# The ten that are best by the mean of the three models, and random rows; the table above has all.
mean = {name: score.mean(axis=0) for name, score in scores.items()}
best = sorted(mean, key=lambda name: mean[name].mean(), reverse=True)[:10]
shown = list(dict.fromkeys([*best, "random rows"]))
display = TransferDisplay([mean[name] for name in shown], shown, list(MODELS)).plot()
display.ax_.set_title("Test accuracy, ten rows a class")
plt.show()
