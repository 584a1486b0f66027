"""Single values, such as words, dates and names of columns, as JSON and back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

# Dtypes of numpy whose values are their bytes. Others are refused by their name: numpy reads more than that as one.
_PLAIN = re.compile(r"[<>|]([biuf][1248]|[SU]\d+|[mM]8(\[\d*[a-z]+\])?)", re.IGNORECASE)


def plain_dtype(name: str) -> np.dtype:
    """Return the dtype of numpy of a name.

    Raises
    ------
    TypeError
        If it is none whose values are their bytes; the message is a reason.
    """
    if not _PLAIN.fullmatch(name):
        raise TypeError("only booleans, whole numbers, floats of up to 64 bits, words and dates can")
    return np.dtype(name)


def scalar_to_json(value: Any) -> Any:
    """Return what JSON holds of a value: itself, or an object that says what it is.

    Raises
    ------
    TypeError
        If the value is of a type that cannot be kept.
    """
    if value is None or type(value) in (str, bool, int) or (type(value) is float and math.isfinite(value)):
        return value
    if isinstance(value, np.generic) and _PLAIN.fullmatch(value.dtype.str):
        return {"is": "numpy", "dtype": value.dtype.str, "bytes": np.asarray(value).tobytes().hex()}
    found = _TYPES.get(type(value).__name__)
    if found is None or not found.is_one(value):
        raise TypeError(f"it holds {value!r}, of type {type(value).__module__}.{type(value).__qualname__}")
    return {"is": type(value).__name__, **found.pack(value)}


def scalar_from_json(held: Any) -> Any:
    """Return the value of what `scalar_to_json` gave."""
    if not isinstance(held, dict):
        return held
    fields = {name: part for name, part in held.items() if name != "is"}
    if held["is"] == "numpy":
        return np.frombuffer(bytes.fromhex(fields["bytes"]), plain_dtype(fields["dtype"]))[0]
    return _TYPES[held["is"]].unpack(**fields)


class _Type(NamedTuple):
    """How values of a type are kept."""

    is_one: Callable[[Any], bool]
    pack: Callable[[Any], dict[str, Any]]
    unpack: Callable[..., Any]


def _of(cls: type, pack: Callable[[Any], dict[str, Any]], unpack: Callable[..., Any]) -> _Type:
    return _Type(lambda value: type(value) is cls, pack, unpack)


def _of_pandas(pack: Callable[[Any], dict[str, Any]], unpack: Callable[..., Any]) -> _Type:
    """Return how values of a type of pandas are kept, which is imported for those that have it."""

    def unpacked(**fields: Any) -> Any:
        import pandas

        return unpack(pandas, **fields)

    return _Type(lambda value: type(value).__module__.partition(".")[0] == "pandas", pack, unpacked)


def _zone(zone: tzinfo | None) -> Any:
    if zone is None:
        return None
    if type(zone) is ZoneInfo and zone.key is not None:
        return zone.key
    if type(zone) is timezone:
        offset = zone.utcoffset(None)
        named = timezone(offset).tzname(None) != zone.tzname(None)
        return [offset / timedelta(microseconds=1), *([zone.tzname(None)] if named else [])]
    raise TypeError(f"it holds the time zone {zone!r}, of type {type(zone).__module__}.{type(zone).__qualname__}")


def _zoned(held: Any) -> tzinfo | None:
    if held is None or isinstance(held, str):
        return None if held is None else ZoneInfo(held)
    return timezone(timedelta(microseconds=held[0]), *held[1:])


def _moment(value: Any) -> dict[str, Any]:
    zone = _zone(value.tzinfo)
    return {"iso": value.replace(tzinfo=None).isoformat(), "zone": zone, "fold": value.fold}


def zone_name(zone: Any) -> str:
    """Return the name by which pandas finds a time zone.

    Raises
    ------
    TypeError
        If it does not find the same one.
    """
    import pandas

    name = str(zone)
    try:
        if pandas.DatetimeTZDtype("ns", name) == pandas.DatetimeTZDtype("ns", zone):
            return name
    except (TypeError, ValueError, KeyError):
        pass
    raise TypeError(f"it holds the time zone {zone!r}, of type {type(zone).__module__}.{type(zone).__qualname__}")


def _ticks(value: Any) -> dict[str, Any]:
    """Return a date or duration of pandas as a whole number of its unit."""
    return {"value": int(value.asm8.view(np.int64)), "unit": value.unit}


def _timestamp(pandas: Any, value: int, unit: Any, zone: str | None) -> Any:
    moment = pandas.Timestamp(np.datetime64(value, unit))
    return moment if zone is None else moment.tz_localize("UTC").tz_convert(zone)


def _interval(value: Any) -> dict[str, Any]:
    return {"left": scalar_to_json(value.left), "right": scalar_to_json(value.right), "closed": value.closed}


_TYPES = {
    "float": _of(float, lambda value: {"value": str(value)}, lambda value: float(value)),
    "bytes": _of(bytes, lambda value: {"hex": value.hex()}, lambda hex: bytes.fromhex(hex)),
    "Decimal": _of(Decimal, lambda value: {"value": str(value)}, lambda value: Decimal(value)),
    "tuple": _of(
        tuple,
        lambda value: {"parts": [scalar_to_json(part) for part in value]},
        lambda parts: tuple(scalar_from_json(part) for part in parts),
    ),
    "date": _of(date, lambda value: {"iso": value.isoformat()}, lambda iso: date.fromisoformat(iso)),
    "time": _of(time, _moment, lambda iso, zone, fold: time.fromisoformat(iso).replace(tzinfo=_zoned(zone), fold=fold)),
    "datetime": _of(
        datetime, _moment, lambda iso, zone, fold: datetime.fromisoformat(iso).replace(tzinfo=_zoned(zone), fold=fold)
    ),
    "timedelta": _of(
        timedelta,
        lambda value: {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds},
        lambda **fields: timedelta(**fields),
    ),
    "NAType": _of_pandas(lambda value: {}, lambda pandas: pandas.NA),
    "NaTType": _of_pandas(lambda value: {}, lambda pandas: pandas.NaT),
    "Timestamp": _of_pandas(
        lambda value: {**_ticks(value), "zone": None if value.tz is None else zone_name(value.tz)}, _timestamp
    ),
    "Timedelta": _of_pandas(_ticks, lambda pandas, value, unit: pandas.Timedelta(np.timedelta64(value, unit))),
    "Period": _of_pandas(
        lambda value: {"ordinal": value.ordinal, "freq": value.freqstr},
        lambda pandas, ordinal, freq: pandas.Period(ordinal=ordinal, freq=freq),
    ),
    "Interval": _of_pandas(
        _interval,
        lambda pandas, left, right, closed: pandas.Interval(scalar_from_json(left), scalar_from_json(right), closed),
    ),
}
