"""What is said to a user whose command is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

# How messages of the library, which speak of parameters, are said to who gives options.
_OPTIONS = (
    (r"; partial_fit takes numbers as they are: .* encodes missing values", "; fill them in, or leave the rows out"),
    (r"\bfeature_range\[('[^']*')\]=", r"\1 of the schema: "),
    (r"\btask='(regression|classification)'", r"--\1"),
    (r"\bn_per_class=at_most\((\d+)\)", r"--per-class \1 --at-most"),
    *(
        pair
        for name, option in {
            "n_per_class": "--per-class",
            "n_samples": "--rows",
            "n_bytes": "--bytes",
            "time_budget": "--max-seconds",
            "checkpoint": "--checkpoint",
            "random_state": "--seed",
            "feature_range": "the schema",
        }.items()
        for pair in ((rf"\b{name}=", f"{option} "), (rf"(?<!-)\b{name}\b", option))
    ),
)


class UsageError(Exception):
    """A command that cannot be done as it was given; the message says what is wrong and what to do."""


def nearest(word: object, known: Iterable[object]) -> str:
    """Return the known words that are like one, in a message: "; nearest: 'income'", or all if they are few.

    Examples
    --------
    >>> from skdc.cli.errors import nearest
    >>> nearest("incom", ["age", "income"])
    "; nearest: 'income'"
    >>> nearest("wage", ["age", "x", "y"])
    "; nearest: 'age'"
    >>> nearest("label", ["x", "y"])
    "; there are: 'x', 'y'"
    """
    words = [str(other) for other in known]
    lowered = {other.lower(): other for other in reversed(words)}
    close = [lowered[other] for other in get_close_matches(str(word).lower(), lowered, n=3, cutoff=0.6)]
    if close:
        return f"; nearest: {', '.join(map(repr, close))}"
    shown = ", ".join(map(repr, words[:12])) + (f" and {len(words) - 12} more" if len(words) > 12 else "")
    return f"; there are: {shown}" if words else ""


def in_options(message: str) -> str:
    """Return a message of the library in one line, with options in place of parameters.

    Examples
    --------
    >>> from skdc.cli.errors import in_options
    >>> in_options("give n_per_class=at_most(5), lower n_samples, or say task='regression'")
    'give --per-class 5 --at-most, lower --rows, or say --regression'
    """
    for pattern, option in _OPTIONS:
        message = re.sub(pattern, option, message)
    return " ".join(message.split())
