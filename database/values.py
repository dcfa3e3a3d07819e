"""SQL of generated values, one function for each family of types.

Values look like what the column's name says, respect what the CHECKs say (`shapes.Domain`), and
are unique where they must be. Moments end at `draws.newest_moment` and grow with the row's number,
as they do in a table that an application fills.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from ..domain.design import Column
from ..domain.types import base_type, family
from . import lexicon
from .draws import SPAN_DAYS, Draws, Spec, newest_moment, pick, text_array
from .shapes import Domain
from .texts import text_value

_INTEGER_MAX = {"smallint": 32_767, "integer": 2_147_483_647, "bigint": 9_223_372_036_854_775_807}
# Words of a column's name → the usual range of its numbers, and the power that skews them.
_RANGES: tuple[tuple[tuple[str, ...], tuple[float, float], int], ...] = (
    (("cents", "minor"), (100, 50_000), 3),
    (("price", "amount", "total", "subtotal", "cost", "fee", "salary", "balance", "budget", "net",
      "gross", "revenue", "paid", "value", "charge", "income"), (1, 900), 3),
    (("lat", "latitude"), (-60, 70), 1), (("lng", "lon", "longitude"), (-180, 180), 1),
    (("rating", "stars"), (1, 5), 1), (("score",), (0, 100), 1),
    (("percent", "percentage", "pct", "discount"), (0, 100), 2),
    (("rate", "ratio", "share", "vat", "tax"), (0, 1), 1),
    (("year",), (1995, 2025), 1), (("age",), (18, 90), 1), (("month",), (1, 12), 1),
    (("weekday", "dow"), (0, 6), 1), (("hour",), (0, 23), 1), (("day",), (1, 28), 1),
    (("stock", "hand", "inventory", "available"), (0, 500), 2),
    (("quantity", "qty", "count", "seats", "pieces", "attempts", "guests"), (1, 20), 3),
    (("minutes", "duration", "length"), (5, 120), 1), (("seconds",), (1, 600), 2),
    (("ms", "milliseconds", "latency"), (1, 2_000), 3),
    (("bytes", "size"), (200, 5_000_000), 4), (("capacity",), (10, 300), 1),
    (("weight", "height", "width", "depth"), (1, 200), 1), (("temperature",), (-10, 40), 1),
    (("version", "revision", "attempt"), (1, 5), 2),
    (("position", "order", "sort", "priority", "level", "rank", "floor", "line"), (1, 10), 1),
)  # fmt: skip
_LIKELY = {"active": 0.9, "enabled": 0.9, "verified": 0.8, "published": 0.8, "visible": 0.9,
           "deleted": 0.03, "archived": 0.1, "blocked": 0.02, "cancelled": 0.05, "default": 0.1,
           "urgent": 0.1, "read": 0.7, "paid": 0.8, "hold": 0.01, "admin": 0.02}  # fmt: skip
_RARE_MOMENTS = frozenset(
    "deleted cancelled canceled archived revoked retired blocked suspended failed erased".split()
)
_CHANNELS = ("web", "mobile", "api", "import")


def null_share(column: Column, *, reference: bool) -> float:
    """The share of rows in which a nullable column is NULL."""
    words = column.name.split("_")
    if any(word in _RARE_MOMENTS for word in words):
        return 0.95
    if family(column.type) in ("timestamp", "date"):
        return 0.3
    return 0.2 if reference else 0.15


def value(
    column: Column, domain: Domain, draws: Draws, *, rows: int, unique: bool, moment: bool
) -> Spec:
    """The SQL of a column's value, never NULL. `moment`: it is the relation's time column.

    `rows` is how many rows are planned: moments are spread over them, unique texts are wide enough.
    """
    if domain.one_of is not None:
        return _one_of(column, domain.one_of, draws, unique)
    kind = family(column.type)
    if kind == "text":
        found = re.search(r"\((\d+)\)", column.type)
        limit = int(found[1]) if found else 1 if column.type == "character" else None
        return text_value(draws.relation, column.name, limit, domain, draws, rows, unique)
    if kind in ("integer", "numeric", "float"):
        return _number(column, domain, draws, unique)
    if kind in ("timestamp", "date"):
        return Spec(_moment(column, draws, rows, unique, moment))
    makers: dict[str, Callable[[Column, Draws], str]] = {
        "boolean": _boolean, "time": _time, "interval": _interval, "uuid": _uuid, "json": _json,
        "binary": _binary, "inet": _network, "range": _range, "search": _search,
    }  # fmt: skip
    if kind == "array":
        return Spec(_array(column, draws, rows))
    sql = makers[kind](column, draws)
    return Spec(sql, 2 if kind == "boolean" and unique else None)


def at_index(column: Column, domain: Domain, index: str) -> str:
    """SQL of the value number `index` (from 1) of a column with few values."""
    values = domain.one_of or ("false", "true")
    return f"{text_array(values)}[({index})::int]::{column.type}"


def few_values(column: Column, domain: Domain) -> int | None:
    """How many values the column has, None for many."""
    if domain.one_of is not None:
        return len(domain.one_of)
    return 2 if column.type == "boolean" else None


def monotone_moment(seed: int, rows: int, jitter: str) -> str:
    """SQL of a timestamptz that grows with `a13_g` from the start of the span to its end."""
    start = newest_moment(seed) - timedelta(days=SPAN_DAYS)
    step = SPAN_DAYS * 86_400_000_000 / max(rows, 1)
    moment = (
        f"timestamptz '{start:%Y-%m-%d %H:%M:%S+00}' + "
        f"((a13_g - 1 + {jitter}) * {step:.3f}::float8) * interval '1 microsecond'"
    )
    # Whole minutes are easier to read, where minutes are far apart.
    return f"date_trunc('minute', {moment})" if step > 600_000_000 else f"({moment})"


def number_range(column: Column, domain: Domain) -> tuple[Decimal, Decimal, Decimal, int]:
    """Lowest and highest number of the column, its step, and the power that skews draws."""
    kind = family(column.type)
    step, top = Decimal("0.01"), Decimal(10) ** 12
    if kind == "integer":
        step, top = Decimal(1), Decimal(_INTEGER_MAX[base_type(column.type)])
    elif found := re.search(r"\((\d+),(\d+)\)", column.type):
        step = Decimal(1).scaleb(-int(found[2]))
        top = Decimal(10) ** (int(found[1]) - int(found[2])) - step
    words = column.name.split("_")
    usual, power = next(
        ((ends, skew) for names, ends, skew in _RANGES if set(names) & set(words)),
        ((1.0, 1000.0), 2),
    )
    low, high = Decimal(str(usual[0])), Decimal(str(usual[1]))
    if kind == "integer" and usual == (0, 1):
        high = Decimal(100)
    least = domain.low.number if domain.low else None
    most = domain.high.number if domain.high else None
    if least is not None:
        least += step if domain.low and domain.low.open else 0
    if most is not None:
        most -= step if domain.high and domain.high.open else 0
        high = most if high > most or least is not None else high
    if (least is not None and not low <= least <= high) or (most is not None and low > most):
        low = least if least is not None else min(Decimal(0), (most or Decimal(0)) - 100)
    low = max(low, least) if least is not None else low
    if most is None and high <= low:
        high = low + 1000
    if most is not None:
        high = min(high if high > low else most, most)
    return max(low, -top), min(high, top), step, power


def _number(column: Column, domain: Domain, draws: Draws, unique: bool) -> Spec:
    low, high, step, power = number_range(column, domain)
    places = max(0, -int(step.as_tuple().exponent))
    if unique:
        if domain.low is None and domain.high is not None and high < step:
            return Spec(f"({high} - (a13_g - 1) * {step})")
        if domain.low is None:
            low = step
        room = None if domain.high is None else max(0, int((high - low) / step) + 1)
        if room is None and family(column.type) == "integer":
            room = _INTEGER_MAX[base_type(column.type)]
        elif room is None and "(" in column.type:
            top = number_range(column, Domain())[1]
            digits = re.search(r"\((\d+)", column.type)
            room = 10 ** int(digits[1]) - 1 if digits else int(top / step)
        return Spec(f"({low} + (a13_g - 1) * {step})", room)
    u = draws.u(column.name)
    skewed = u if power == 1 else f"power({u}, {power})"
    if places == 0:
        width = high - low + 1
        return Spec(f"({low} + floor({skewed} * {width})::numeric)")
    return Spec(f"round(({low} + {skewed} * {high - low})::numeric, {places})")


def _one_of(column: Column, values: tuple[str, ...], draws: Draws, unique: bool) -> Spec:
    if unique:
        return Spec(at_index(column, Domain(one_of=values), "a13_g"), len(values))
    index = f"pg_temp.a13_zipf({draws.u(column.name)}, {len(values)})"
    return Spec(at_index(column, Domain(one_of=values), index))


def _moment(column: Column, draws: Draws, rows: int, unique: bool, moment: bool) -> str:
    words = column.name.split("_")
    if any(word in ("birth", "dob", "born", "birthday") for word in words) and not unique:
        return f"(date '1940-01-01' + floor({draws.u(column.name)} * 24000)::int)"
    if unique and family(column.type) == "date":
        start = newest_moment(draws.seed) - timedelta(days=SPAN_DAYS)
        return f"(date '{start:%Y-%m-%d}' + a13_g::int - 1)"
    if unique or moment:
        jitter = "0" if unique else draws.u(column.name)
        step_known = monotone_moment(draws.seed, rows, jitter)
        return step_known
    end = newest_moment(draws.seed)
    back = f"power({draws.u(column.name)}, 2) * {SPAN_DAYS * 1440}"
    return f"(timestamptz '{end:%Y-%m-%d %H:%M:%S+00}' - floor({back}) * interval '1 minute')"


def _boolean(column: Column, draws: Draws) -> str:
    share = next((p for word, p in _LIKELY.items() if word in column.name.split("_")), 0.5)
    return f"({draws.u(column.name)} < {share})"


def _time(column: Column, draws: Draws) -> str:
    return f"(time '08:00' + floor({draws.u(column.name)} * 40) * interval '15 minutes')"


def _interval(column: Column, draws: Draws) -> str:
    return f"((5 + floor({draws.u(column.name)} * 115)) * interval '1 minute')"


def _uuid(column: Column, draws: Draws) -> str:
    digest = f"md5({draws.tag(column.name)} || a13_g)"
    if "v7" not in (column.default or ""):
        return f"{digest}::uuid"
    # Version 7 grows with time: one row a second, so that it is in order as on a real table.
    start = int((newest_moment(draws.seed) - timedelta(days=SPAN_DAYS)).timestamp())
    stamp = f"lpad(to_hex(({start} + a13_g) * 1000), 12, '0')"
    return f"({stamp} || '7' || substr({digest}, 1, 3) || '8' || substr({digest}, 4, 15))::uuid"


def _json(column: Column, draws: Draws) -> str:
    u = draws.u(column.name, "number")
    return (
        f"jsonb_build_object('source', {pick(_CHANNELS, draws.u(column.name))}, "
        f"'attempt', 1 + floor(power({u}, 3) * 4)::int, "
        f"'tags', jsonb_build_array({pick(lexicon.TAGS, draws.u(column.name, 'tag'))}))"
        f"::{column.type}"
    )


def _binary(column: Column, draws: Draws) -> str:
    return f"decode(md5({draws.tag(column.name)} || a13_g), 'hex')"


def _network(column: Column, draws: Draws) -> str:
    base = base_type(column.type)
    if base == "macaddr":
        return "('02' || lpad(to_hex(a13_g), 10, '0'))::macaddr"
    address = "(inet '10.0.0.0' + a13_g % 16777216)"
    return f"set_masklen({address}, 32)::cidr" if base == "cidr" else address


def _range(column: Column, draws: Draws) -> str:
    base = base_type(column.type)
    width = f"(1 + floor({draws.u(column.name)} * 9))::int"
    if base in ("int4range", "int8range", "numrange"):
        low = f"(a13_g * 10)::{ {'int4range': 'int', 'int8range': 'bigint'}.get(base, 'numeric') }"
        return f"{base}({low}, {low} + {width})"
    start = newest_moment(draws.seed) - timedelta(days=SPAN_DAYS)
    if base == "daterange":
        low = f"(date '{start:%Y-%m-%d}' + (a13_g % 200000)::int)"
        return f"daterange({low}, {low} + {width})"
    kind = "timestamptz" if base == "tstzrange" else "timestamp"
    low = f"({kind} '{start:%Y-%m-%d}' + a13_g * interval '1 hour')"
    return f"{base}({low}, {low} + {width} * interval '5 minutes')"


def _search(column: Column, draws: Draws) -> str:
    words = f"{pick(lexicon.SENTENCES, draws.u(column.name))} || ' ' || a13_g"
    return f"to_tsvector('simple', {words})"


def _array(column: Column, draws: Draws, rows: int) -> str:
    inner = column.type.removesuffix("[]")
    parts = []
    for place in range(3):
        element = Column(name=f"{column.name}_{place}", type=inner, values=column.values)
        if family(inner) == "text":
            texts = column.values or lexicon.TAGS
            sql = pick(texts, draws.u(column.name, str(place)))
        else:
            domain = Domain(one_of=column.values or None)
            made = value(element, domain, draws, rows=rows, unique=False, moment=False)
            sql = made.sql
        parts.append(f"({sql})::{inner}")
    length = f"1 + floor({draws.u(column.name, 'length')} * 3)::int"
    return f"(ARRAY[{', '.join(parts)}])[1:{length}]"
