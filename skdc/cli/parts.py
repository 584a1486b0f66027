"""Values of parameters, as they are written after `--set`."""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from inspect import isclass
from operator import add, mul
from pkgutil import iter_modules
from typing import Any

import skdc
from skdc.cli.errors import UsageError, nearest

_OPERATIONS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {ast.Add: add, ast.Mult: mul}  # of discrepancies


def value_of(text: str) -> Any:
    """Return a number, a word, a list or other literal, or parts such as ``0.5 * MMD() + Sinkhorn()``.

    Nothing but the public classes of skdc is called, on values of this kind.

    Raises
    ------
    UsageError
        For a part that is not there, or does not take what it is given.

    Examples
    --------
    >>> from skdc.cli.parts import value_of
    >>> value_of("50"), value_of("teacher"), value_of("{'a': 1}"), value_of("Laplace(factor=0.5)")
    (50, 'teacher', {'a': 1}, Laplace(factor=0.5))
    """
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        return text
    if not any(isinstance(node, ast.Call) for node in ast.walk(tree)):
        try:
            return ast.literal_eval(tree)
        except (ValueError, TypeError):
            return text
    return _made(tree, text)


def _made(node: ast.AST, text: str) -> Any:
    """Return what an expression says; text is all of it, for messages."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and all(word.arg for word in node.keywords):
        part = _part(node.func.id)
        given = [_made(value, text) for value in node.args]
        named = {str(word.arg): _made(word.value, text) for word in node.keywords}
        try:
            return part(*given, **named)
        except TypeError as error:
            raise UsageError(f"--set: {str(error).replace('.__init__', '')}") from error
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        try:
            return _OPERATIONS[type(node.op)](_made(node.left, text), _made(node.right, text))
        except TypeError as error:
            raise UsageError(f"--set: {text!r} cannot be computed: {error}") from error
    if isinstance(node, ast.List | ast.Tuple):
        values = [_made(value, text) for value in node.elts]
        return values if isinstance(node, ast.List) else tuple(values)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"--set: {text!r} may hold numbers, words in quotes, lists and parts such as Laplace(), and no other code"
        ) from error


def _part(name: str) -> type[Any]:
    """Return a public class of skdc."""
    parts: dict[str, Any] = {}
    for found in iter_modules(skdc.__path__, "skdc."):
        if found.name.rpartition(".")[2] not in ("__main__", "cli", "evaluation", "plotting", "utils"):
            module = import_module(found.name)
            parts |= {each: getattr(module, each) for each in getattr(module, "__all__", ())}
    storages = import_module("skdc.parameterizations.storage")
    parts |= {each: getattr(storages, each) for each in storages.__all__}
    classes = {each: part for each, part in parts.items() if isclass(part)}
    if name not in classes:
        raise UsageError(f"--set: skdc has no part {name!r}{nearest(name, classes)}")
    return classes[name]
