"""Redaction: secrets found in a text and replaced, line by line, before anything is kept.

A PRD, a log or a command may carry a password or a key by accident. What is found here never
reaches a prompt, the ledger, a log or a document. Every pattern starts at a literal or a token
boundary and every repetition is bounded, so that a hostile text costs linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from .base import Value


class SecretHit(Value):
    """A secret in a text: the 1-based line it starts on and what kind it is, never its value."""

    line: int
    kind: str


class _Span(NamedTuple):
    start: int
    end: int
    kind: str


_START = r"(?<![A-Za-z0-9_-])"  # the start of a token

# Keys that carry their issuer's mark. Group 1, where there is one, is what to hide.
_MARKED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("password", re.compile(r"://[^\s:/@]{0,100}:(?!\d{1,5}(?:[/?#\s]|$))([^\s\"'<>`]{1,300})@")),
    ("API key", re.compile(_START + r"sk-(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{10,400}")),
    ("API key", re.compile(_START + r"[sr]k_(?:live|test)_[A-Za-z0-9]{8,200}")),
    ("API key", re.compile(_START + r"AIza[A-Za-z0-9_-]{30,60}")),
    ("API key", re.compile(_START + r"SG\.[A-Za-z0-9_-]{16,40}\.[A-Za-z0-9_-]{16,80}")),
    ("token", re.compile(_START + r"gh[pousr]_[A-Za-z0-9]{16,255}")),
    ("token", re.compile(_START + r"github_pat_[A-Za-z0-9_]{16,255}")),
    ("token", re.compile(_START + r"glpat-[A-Za-z0-9_-]{16,100}")),
    ("token", re.compile(_START + r"(?:hf|npm)_[A-Za-z0-9]{30,100}")),
    ("token", re.compile(_START + r"xox[abeoprs]-[A-Za-z0-9-]{8,255}")),
    ("token", re.compile(_START + r"xapp-[A-Za-z0-9-]{8,255}")),
    ("token", re.compile(r"hooks\.slack\.com/services/([A-Za-z0-9/_-]{8,200})")),
    ("AWS key", re.compile(_START + r"A(?:KIA|SIA)[A-Z0-9]{12,40}(?![A-Za-z0-9])")),
    ("JWT", re.compile(_START + r"eyJ[\w-]{6,4000}\.[\w-]{6,4000}\.[\w-]{0,4000}")),
    (
        "token",
        re.compile(r"\b(?:Bearer|Basic) +((?=[^\s]{0,60}[0-9=])[A-Za-z0-9._~+/=-]{12,4000})"),
    ),
    (
        "password",
        re.compile(r"(?i)\b(?:password|identified by)[ \t]{1,8}'(?!\[redacted)([^'\r\n]{1,200})'"),
    ),
)

# An AWS secret key carries no mark: forty characters, told by the company they keep.
_AWS_SECRET = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")

_ASSIGNED = re.compile(
    r"(?i)(?P<key>pass(?:word|wort|wd|phrase)|pwd|kennwort"
    r"|secret(?:[_ -]?(?:access[_ -]?)?key)?|api[_ -]?(?:key|token|secret)"
    r"|(?:access|private|encryption|signing)[_ -]?key|token|credentials?)(?![A-Za-z0-9_])"
    r"[\"'`*\])]{0,4}[ \t]{0,8}(?P<sign>:=|=>|={1,2}|:|is\b)[ \t*]{0,8}"
    r"(?:(?P<mark>[\"'`])(?P<quoted>(?:(?!(?P=mark))[^\r\n]){1,200})(?P=mark)"
    r"|(?P<bare>[^\s\"'`]{1,400}))"
)

# What stands after "password:" in a list of fields or a sentence, and is no password.
_PLAIN = frozenset(
    """
    text string str varchar char character citext bytea bytes binary blob uuid json jsonb boolean
    bool int integer bigint number numeric date datetime timestamp timestamptz timestamp_tz enum
    hash hashed salted encrypted encoded masked hidden redacted secret password token key unique
    required mandatory optional nullable nullable not null none nil true false yes no never always
    n/a na tbd todo unknown empty blank default internal sensitive personal private public
    confidential expires expiring rotated revoked stored generated random changeme-on-first-login
    bcrypt scrypt argon2 argon2i argon2id pbkdf2 md5 sha1 sha-1 sha256 sha-256 sha512 sha-512
    hmac aes aes256 aes-256 aes-256-gcm base64 utf-8 utf8 oauth oauth2 oidc saml sso jwt
    """.split()
)
_PLACEHOLDER = re.compile(
    r"\$\{?[A-Z_][A-Z0-9_]*\}?|:[a-z_]\w*|%\(\w+\)s|%s|\{+|\{+[\w .-]*\}+"
    r"|<[A-Za-z_ -]+>?|\[redacted.*|\*+|x{3,}|(?i:your)[ _-].*|\.{3,}|…|-+|\?+"
    # Code, or a type with a length: os.environ["X"], crypt('x'), gen(n), varchar(40).
    r"|[A-Za-z_][\w.]*(?:\[|\(|\((?:[A-Za-z_][\w.]*|\d+(?:,\d+)?)\))"
)
_NOT_REST = re.compile(r"[\s\"'`),;|.}\]*]*(?:(?:#|//|--).*)?")

_BEGIN_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END_KEY = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_LINE = re.compile(r"[\s>|#\"'A-Za-z0-9+/=:,.-]*")
_LONGEST_KEY = 20_000


def _private_keys(text: str) -> Iterator[_Span]:
    """PEM blocks; one that is cut off ends at the first line that cannot be a part of it."""
    position = 0
    while begin := _BEGIN_KEY.search(text, position):
        end = _END_KEY.search(text, begin.end(), begin.end() + _LONGEST_KEY)
        if end is not None:
            position = end.end()
        else:
            position = begin.end()
            for line in text[position : position + _LONGEST_KEY].splitlines(keepends=True):
                if position != begin.end() and not (line.strip() and _KEY_LINE.fullmatch(line)):
                    break
                position += len(line)
        yield _Span(begin.start(), position, "private key")


def _looks_random(word: str) -> bool:
    """True for a word that no sentence holds: letters and digits mixed, six or more."""
    return (
        len(word) >= 6
        and any(c.isdigit() for c in word)
        and any(c.isalpha() for c in word)
        and word.lower() not in _PLAIN
    )


def _assigned(text: str) -> Iterator[_Span]:
    """`password: …`, `API_KEY=…`, `secret = "…"`, and not a field list or a sentence."""
    for match in _ASSIGNED.finditer(text):
        key, sign, quoted = match["key"].lower(), match["sign"].lower(), match["quoted"]
        start, end = match.span("quoted" if quoted is not None else "bare")
        value = text[start:end]
        if quoted is None:
            value = value.rstrip(",;.|")
            if not _PLACEHOLDER.fullmatch(value):
                value = value.rstrip(")}")
            end = start + len(value)
        first = re.split(r"[,;|\s]", value, maxsplit=1)[0].lower()
        if not value or first in _PLAIN or _PLACEHOLDER.fullmatch(value):
            continue
        tight = sign != ":" and match.end("sign") == start and text[match.end("key")] in "=:"
        line_end = text.find("\n", match.end())
        rest = text[match.end() : len(text) if line_end < 0 else line_end][:200]
        alone = quoted is not None or tight or _NOT_REST.fullmatch(rest) is not None
        if key in ("token", "credential", "credentials") or sign == "is":
            alone = False  # too common in sentences: only what looks like a secret
        if alone or _looks_random(value):
            kind = "API key" if "api" in key else "password" if key.startswith("p") else "secret"
            yield _Span(start, end, "secret" if key.startswith("private") else kind)


def _spans(text: str) -> list[_Span]:
    """Every secret, in order, without overlaps; where two overlap, both are covered."""
    found = list(_private_keys(text))
    for kind, pattern in _MARKED:
        group = 1 if pattern.groups else 0
        found += [_Span(*match.span(group), kind) for match in pattern.finditer(text)]
    found += _assigned(text)
    if any(span.kind == "AWS key" for span in found) or re.search(r"(?i)\baws", text):
        for match in _AWS_SECRET.finditer(text):
            word = match[0]
            if re.search("[a-z]", word) and re.search("[A-Z]", word) and re.search("[0-9]", word):
                found.append(_Span(*match.span(), "AWS key"))
    merged: list[_Span] = []
    for span in sorted(found):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = last._replace(end=max(last.end, span.end))
        else:
            merged.append(span)
    return merged


def redact(text: str) -> str:
    """The text with each secret replaced by `[redacted KIND]`; the lines keep their numbers.

    >>> redact("DATABASE_URL=postgresql://app:hunter2@db/app")
    'DATABASE_URL=postgresql://app:[redacted password]@db/app'
    """
    parts: list[str] = []
    position = 0
    for span in _spans(text):
        breaks = "".join(c for c in text[span.start : span.end] if c in "\r\n")
        parts += [text[position : span.start], f"[redacted {span.kind}]", breaks]
        position = span.end
    parts.append(text[position:])
    return "".join(parts)


def find_secrets(text: str) -> tuple[SecretHit, ...]:
    """Where the secrets are: lines and kinds.

    >>> find_secrets("all fine\\npassword: hunter2")
    (SecretHit(line=2, kind='password'),)
    """
    hits: list[SecretHit] = []
    line, position = 1, 0
    for span in _spans(text):
        line += text.count("\n", position, span.start)
        position = span.start
        hits.append(SecretHit(line=line, kind=span.kind))
    return tuple(hits)
