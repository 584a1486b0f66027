"""Support of scikit-learn's callbacks, which its version 1.9 brought."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MYPY = False  # mypy takes it for True, and sees a base with types
try:
    if not MYPY:
        from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn < 1.9
    MYPY = True
if MYPY:

    class CallbackSupportMixin:
        """Nothing: there are no callbacks to set."""

    def with_callbacks(method: Callable) -> Callable:
        """Return the method as it is: there are no callbacks to tear down."""
        return method


@contextmanager
def announced(owner: Any, task: str, n_subtasks: int | None, X: Any, y: Any) -> Iterator[Any]:
    """Tell the callbacks of an estimator that its fit begins and ends; give their context, None without callbacks.

    The number of subtasks is None where it is not known, as that of the trainings of generators.
    """
    if not hasattr(owner, "_init_callback_context"):
        yield None
        return
    context = owner._init_callback_context(task_name=task, max_subtasks=n_subtasks)
    context.call_on_fit_task_begin(estimator=owner, X=X, y=y)
    yield context
    context.call_on_fit_task_end(estimator=owner, X=X, y=y)


class StepTeller:
    """Tell the callbacks of an estimator of each step of a solver, or of a training.

    Parameters
    ----------
    owner : estimator
        Whose fit is announced.
    name : str
        Of the task that has the steps.
    """

    def __init__(self, owner: Any, name: str) -> None:
        self._owner, self._root, self._name, self._told = owner, owner._callback_fit_ctx, name, 0
        self._task: Any = None

    def __call__(self, step: int, n_steps: int, is_last: bool) -> bool:
        """Tell that a step is done, if it is a new one, and whether it is the last; return whether a callback stops."""
        if step <= self._told:
            return False
        self._told = step
        if self._task is None:
            self._task = self._root.subcontext(task_name=self._name, max_subtasks=n_steps)
            self._task.call_on_fit_task_begin(estimator=self._owner)
        task = self._task.subcontext(task_name="step")
        task.call_on_fit_task_begin(estimator=self._owner)
        stop = task.call_on_fit_task_end(estimator=self._owner)
        if stop or is_last:
            self._task.call_on_fit_task_end(estimator=self._owner)
        return stop
