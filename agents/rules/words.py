"""Words: singular and plural, tokens, numbers and durations.

Names of relations use `inflection`; matching mentions in running text uses a small rule of its own,
because every word of a PRD passes through it.
"""

from __future__ import annotations

import re
from functools import lru_cache

import inflection

_SAME = frozenset(
    """
    news series species equipment information data metadata staff feedback inventory stock media
    status analysis basis address business access process progress class address bus gas lens
    canvas campus census bonus virus atlas pass boss loss press stress success previous address
    diagnosis axis crisis thesis sms dns aws https always this its his has was is as us plus
    various across unless towards sales history software hardware knowledge furniture luggage
    """.split()
)
_IRREGULAR = {
    "people": "person", "children": "child", "men": "man", "women": "woman", "mice": "mouse",
    "feet": "foot", "teeth": "tooth", "criteria": "criterion", "phenomena": "phenomenon",
    "indices": "index", "indexes": "index", "matrices": "matrix", "vertices": "vertex",
    "appendices": "appendix", "analyses": "analysis", "diagnoses": "diagnosis", "bases": "base",
    "axes": "axis", "crises": "crisis", "theses": "thesis", "leaves": "leaf", "shelves": "shelf",
    "lives": "life", "wives": "wife", "knives": "knife", "halves": "half", "statuses": "status",
    "addresses": "address", "buses": "bus", "lenses": "lens", "cases": "case", "databases":
    "database", "purchases": "purchase", "expenses": "expense", "courses": "course", "houses":
    "house", "warehouses": "warehouse", "nurses": "nurse", "responses": "response", "phases":
    "phase", "releases": "release", "leases": "lease", "licenses": "license", "exercises":
    "exercise", "premises": "premise", "invoices": "invoice", "movies": "movie", "cookies":
    "cookie", "calories": "calorie", "ties": "tie", "pies": "pie", "caches": "cache", "uses":
    "use", "causes": "cause", "doses": "dose", "purposes": "purpose", "axles": "axle",
    "viruses": "virus", "bonuses": "bonus", "campuses": "campus", "censuses": "census",
    "enterprises": "enterprise", "franchises": "franchise", "diseases": "disease",
    "heroes": "hero", "potatoes": "potato", "tomatoes": "tomato", "echoes": "echo",
    "quizzes": "quiz", "data": "data", "media": "media", "kudos": "kudos",
}  # fmt: skip


@lru_cache(maxsize=65536)
def singular(word: str) -> str:
    """The singular of one lower-case English word; a singular comes back as it is.

    >>> singular("categories"), singular("boxes"), singular("status"), singular("orders")
    ('category', 'box', 'status', 'order')
    """
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 4 or not word.endswith("s") or word in _SAME:
        return word
    if word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1]


_PLURALS = {singular: plural for plural, singular in _IRREGULAR.items()}


@lru_cache(maxsize=4096)
def plural(word: str) -> str:
    """The plural of one lower-case English word; a plural comes back as it is."""
    if word in ("staff", "news", "series", "data", "metadata", "media", "history", "inventory",
                "feedback", "information", "equipment", "stock", "progress"):  # fmt: skip
        return {"history": "histories", "inventory": "inventories"}.get(word, word)
    if word.endswith("ium") and word not in ("medium", "bacterium"):
        return word + "s"
    if singular(word) != word or not word.isascii() or not word.isalpha() or len(word) > 40:
        return word
    return _PLURALS.get(word) or inflection.pluralize(word)


def singular_name(name: str) -> str:
    """A snake_case name with its last word in the singular: `order_lines` → `order_line`."""
    head, _, last = name.rpartition("_")
    return f"{head}_{singular(last)}" if head else singular(last)


def plural_name(name: str) -> str:
    """A snake_case name with its last word in the plural: `order_line` → `order_lines`."""
    head, _, last = name.rpartition("_")
    return f"{head}_{plural(last)}" if head else plural(last)


TOKEN = re.compile(r"[A-Za-z0-9\u00c0-\uffff_]+(?:[-'’][A-Za-z0-9\u00c0-\uffff]+)*")
_NUMBER_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30,
    "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90, "hundred": 100, "a": 1, "an": 1,
}  # fmt: skip
_SCALES = {
    "k": 10**3, "thousand": 10**3, "m": 10**6, "mio": 10**6, "million": 10**6, "millions": 10**6,
    "mn": 10**6, "bn": 10**9, "b": 10**9, "billion": 10**9, "trillion": 10**12, "t": 10**12,
    "hundred": 100, "quadrillion": 10**15,
}  # fmt: skip
NUMBER = (
    r"(?:\d{1,3}(?:[, \u00a0\u202f']\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:e\+?\d{1,3})?"
    r"(?:\s?(?:k|m|bn|mio|thousand|million|billion|trillion|quadrillion)\b)?"
)
_NUMBER = re.compile(
    r"((?:\d{1,3}(?:[, \u00a0\u202f']\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?:e\+?\d{1,3})?)"
    r"(?:\s?(k|m|bn|mio|thousand|million|billion|trillion|quadrillion)\b)?",
    re.I,
)


def number_of(text: str) -> float | None:
    """The number a text starts with: "10 million", "50,000", "2.5k", "three"; None for none."""
    text = text.strip()
    match = _NUMBER.match(text)
    if match is None:
        word = text.split(" ")[0].lower() if text else ""
        return float(_NUMBER_WORDS[word]) if word in _NUMBER_WORDS else None
    digits = re.sub(r"[, \u00a0\u202f']", "", match[1])
    try:
        value = float(digits)
    except (ValueError, OverflowError):
        return None
    return value * (_SCALES[match[2].lower()] if match[2] else 1)


_DURATION = re.compile(
    r"\b(\d+(?:\.\d+)?(?=[\s-]?[a-z(])|(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|"
    r"eleven|"
    r"twelve|fifteen|twenty|thirty|sixty|ninety)(?=[\s-]))[\s-]?(?:\(\d+\)\s?)?"
    r"(milliseconds?|msecs?|ms|seconds?|secs?|s|minutes?|mins?|hours?|hrs?|h|days?|d|weeks?|"
    r"months?|quarters?|years?|yrs?|y)\b",
    re.I,
)
_SECONDS = {
    "ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
    "mon": 2629800.0, "q": 7889400.0, "y": 31557600.0,
}  # fmt: skip


def _unit(word: str) -> str:
    word = word.lower()
    if word.startswith(("ms", "milli")):
        return "ms"
    if word.startswith("mo"):
        return "mon"
    if word.startswith("mi"):
        return "min"
    return word[0]


def find_duration(text: str) -> tuple[float, str, re.Match[str]] | None:
    """The first duration of a text: amount, unit (ms s min h d w mon q y) and the match."""
    match = _DURATION.search(text)
    if match is None:
        return None
    return number_of(match[1]) or 0.0, _unit(match[2]), match


def seconds_of(amount: float, unit: str) -> float:
    """The duration in seconds (a month is 30.4375 days)."""
    return amount * _SECONDS[unit]


def iso_period(amount: float, unit: str) -> str:
    """The duration as ISO 8601: (7, "y") → "P7Y", (90, "d") → "P90D", (12, "h") → "PT12H"."""
    if unit == "q":
        amount, unit = amount * 3, "mon"
    if amount != int(amount):
        step = {"y": (12, "mon"), "mon": (30, "d"), "w": (7, "d"), "d": (24, "h"),
                "h": (60, "min"), "min": (60, "s")}.get(unit)  # fmt: skip
        if step:
            amount, unit = round(amount * step[0]), step[1]
    whole = max(int(amount), 0)
    letter = {"y": "Y", "mon": "M", "w": "W", "d": "D", "h": "H", "min": "M", "s": "S", "ms": "S"}
    return f"{'PT' if unit in ('h', 'min', 's', 'ms') else 'P'}{whole}{letter[unit]}"
