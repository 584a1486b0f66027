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
def announced(owner: Any, task: str, n_subtasks: int, X: Any, y: Any) -> Iterator[Any]:
    """Tell the callbacks of an estimator that its fit begins and ends; give their context, None without callbacks."""
    if not hasattr(owner, "_init_callback_context"):
        yield None
        return
    context = owner._init_callback_context(task_name=task, max_subtasks=n_subtasks)
    context.call_on_fit_task_begin(estimator=owner, X=X, y=y)
    yield context
    context.call_on_fit_task_end(estimator=owner, X=X, y=y)


class StepTeller:
    """Tell the callbacks of a condenser of each step of its solver.

    Parameters
    ----------
    owner : estimator
        A condenser whose fit is announced.
    """

    def __init__(self, owner: Any) -> None:
        self._owner, self._root, self._told = owner, owner._callback_fit_ctx, 0
        self._task: Any = None

    def __call__(self, step: int, n_steps: int) -> bool:
        """Tell that a step is done, if it is a new one; return whether a callback asks to stop."""
        if step <= self._told:
            return False
        self._told = step
        if self._task is None:
            self._task = self._root.subcontext(task_name="solve", max_subtasks=n_steps)
            self._task.call_on_fit_task_begin(estimator=self._owner)
        task = self._task.subcontext(task_name="step")
        task.call_on_fit_task_begin(estimator=self._owner)
        stop = task.call_on_fit_task_end(estimator=self._owner)
        if stop or step == n_steps:
            self._task.call_on_fit_task_end(estimator=self._owner)
        return stop
