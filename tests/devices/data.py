"""Few rows and images, for tests that fit everything twice; and the classes of a kind."""

import inspect

from sklearn.datasets import load_digits, load_iris

X, Y = (part[::3] for part in load_iris(return_X_y=True))
DIGITS = load_digits(n_class=3)
IMAGES, LABELS = DIGITS.images[:60] / 16, DIGITS.target[:60]


def concrete(module, base):
    """Return the concrete public classes of a kind."""
    found = [getattr(module, name) for name in sorted(module.__all__)]
    return [cls for cls in found if inspect.isclass(cls) and issubclass(cls, base) and not inspect.isabstract(cls)]
