"""
==============================
One set, learners of all kinds
==============================

A set is condensed for some learner, and then another one is trained on it. The transfer table shows what is lost.
"""

# %%
# Five sets of ten digits a class
# -------------------------------
# Random rows and k-means know of no learner. Kernel inducing points (KIP) are made for kernel ridge regression, and
# distribution matching for networks. The last set is what ``Condenser()`` makes where there are classes: it is made for
# five learners at once, out of real rows of which few numbers are changed. Digits are passed as images: learners see
# their pixels on one scale, where columns of a table have one each.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from skdc import Condenser, DistributionMatching, KernelInducingPoints, KMeansCondenser, RandomSubset
from skdc.evaluation import transfer_table
from skdc.plotting import TransferDisplay

X, y = load_digits(return_X_y=True)
X = X.reshape(-1, 8, 8)
LEARNERS = ["linear", "svm", "neighbors", "mlp", "trees", "kernel ridge"]
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
CONDENSERS = {
    "random rows": RandomSubset(random_state=0),
    "k-means": KMeansCondenser(random_state=0),
    "distribution matching": DistributionMatching(random_state=0),
    "KIP": KernelInducingPoints(random_state=0),
    "Condenser()": Condenser(random_state=0),
}
tables = {
    name: transfer_table(condenser.fit(X_train, y_train), X_test, y_test, learners=LEARNERS)
    for name, condenser in CONDENSERS.items()
}
print(tables["KIP"])

# %%
# Hard labels for all
# -------------------
# With the labels of classes alone, as any learner takes them, the set for one learner is worth less to others. Trees
# suffer most from points that were moved freely: these differ a little in all features.
display = TransferDisplay.from_tables(tables)
display.ax_.set_title("Test accuracy of learners trained on 100 rows")
plt.show()
