"""Secrets are found and replaced; field lists and sentences are left alone."""

from __future__ import annotations

import pytest

from a13.domain.redaction import SecretHit, find_secrets, redact

SECRETS = [
    ("postgresql://app:hunter2@db.example.com:5432/app", "hunter2"),
    ("postgresql+psycopg://app:p%40ss/w@rd@db/app", "p%40ss/w@rd"),
    ("redis://:s3cret@cache:6379/0", "s3cret"),
    ("amqp://guest:guest@mq//", "guest@"),
    ("key sk-proj-abcDEF1234567890abcdef in prose", "abcDEF1234567890abcdef"),
    ("sk-abc123def456ghi789", "abc123def456ghi789"),
    ("sk-ant-api03-AAAAbbbbCCCC", "AAAAbbbbCCCC"),
    ("sk" + "_live_4eC39HqLyjWDarjtT1zdp7dc", "4eC39HqLyjWDarjtT1zdp7dc"),
    ("token ghp_0123456789abcdefghijABCDEFGHIJ012345", "0123456789abcdefghijABCDEFGHIJ012345"),
    ("github_pat_11ABCDEFG0123456789_abcdef", "11ABCDEFG0123456789_abcdef"),
    ("id AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"),
    (
        "AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "wJalrXUtnFEMI"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9", "eyJzdWIi"),
    ("xox" + "b-123456789012-abcdefghijkl", "abcdefghijkl"),
    ("https://hooks.slack.com/services/T00/B00/XXXX1234", "XXXX1234"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "SyA1234567890"),
    ("Authorization: Bearer abcdef123456xyz", "abcdef123456xyz"),
    ("password: xyz", "xyz"),
    ("Password: s3cr3t! (change it later)", "s3cr3t!"),
    ("- **Password:** hunter2", "hunter2"),
    ('"password": "correct horse battery"', "correct horse battery"),
    ("API_KEY=abcdef", "abcdef"),
    ("export STRIPE_API_KEY=abc def", "abc"),
    ('secret = "open sesame"', "open sesame"),
    ("client_secret: 0a1b2c3d", "0a1b2c3d"),
    ("the root password is Tr0ub4dor&3, do not tell", "Tr0ub4dor&3"),
    ("host=db user=app password=letmein dbname=x", "letmein"),
    ("ALTER ROLE app PASSWORD 'open'", "open"),
    ("user: admin, password: admin", " admin\n"),
    ("password: Secret(1", "Secret(1"),
    ("password: {hunter", "{hunter"),
    ("postgresql://h/db?user=u&password=pa55", "pa55"),
]

INNOCENT = [
    "Passwords are hashed with argon2id.",
    "The password is required and at least 12 characters long.",
    "password_hash text",
    "| password_hash | text | not null |",
    "api_key (unique)",
    "- api_key: text, unique",
    "- password: hashed, required",
    "password: varchar(255)",
    "- secret: bytea",
    "- token: uuid",
    "Access token: expires after 30 days.",
    "Secret: yes",
    "password = :password",
    "PASSWORD=${DB_PASSWORD}",
    'password = os.environ["PGPASSWORD"]',
    "password: ********",
    'api_key="your-api-key"',
    "password = gen_password(n)",
    "API_KEY=<your key>",
    "https://example.com:8080/a@b",
    "see https://example.com/user@home",
    "A task-force-of-2024 and a risk-assessment-number-12.",
    "sk-this-is-a-style-class",
    "commit 35011c7e2b7a0c9d1f3e5a7b9c1d3e5f7a9b1c3d",
    "Retention: secrets of the customer are kept for P7Y.",
    "[redacted password]",
    "password: [redacted password]",
    "",
]


@pytest.mark.parametrize(("text", "secret"), SECRETS)
def test_a_secret_is_replaced_and_found(text: str, secret: str) -> None:
    before = f"first line\n{text}\nlast line"
    after = redact(before)
    assert secret not in after
    assert "[redacted " in after
    assert after.count("\n") == 2
    assert after.startswith("first line\n") and after.endswith("\nlast line")
    assert {hit.line for hit in find_secrets(before)} == {2}


@pytest.mark.parametrize("text", INNOCENT)
def test_an_innocent_text_is_left_alone(text: str) -> None:
    assert redact(text) == text
    assert find_secrets(text) == ()


@pytest.mark.parametrize("text", [text for text, _ in SECRETS])
def test_redaction_is_idempotent(text: str) -> None:
    assert redact(redact(text)) == redact(text)
    assert find_secrets(redact(text)) == ()


KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc+/def==\n-----END RSA PRIVATE KEY-----"


def test_a_private_key_keeps_the_line_count() -> None:
    text = f"# Keys\n{KEY}\n## Orders"
    assert redact(text) == "# Keys\n[redacted private key]\n\n\n\n## Orders"
    assert find_secrets(text) == (SecretHit(line=2, kind="private key"),)


def test_a_private_key_that_is_cut_off_ends_at_a_blank_line() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0B\n\nOrders have lines."
    assert redact(text) == "[redacted private key]\n\n\n\nOrders have lines."


def test_carriage_returns_survive() -> None:
    text = KEY.replace("\n", "\r\n") + "\r\nend"
    assert redact(text) == "[redacted private key]\r\n\r\n\r\n\r\nend"


def test_the_value_of_a_hit_is_not_kept() -> None:
    assert "hunter2" not in repr(find_secrets("password: hunter2"))


@pytest.mark.parametrize(
    "text",
    [
        "password" * 100_000,
        "://" * 300_000,
        "://a:" * 200_000,
        "eyJ" * 300_000,
        "eyJ-" * 200_000,
        "sk-" * 300_000,
        "-----BEGIN PRIVATE KEY-----\n" * 20_000,
        "password: " * 90_000,
        "token is " * 100_000,
        "a" * 1_000_000,
        "password:'" * 90_000,
    ],
    ids=lambda text: text[:12],
)
def test_a_hostile_text_does_not_hang(text: str) -> None:
    """About one megabyte each: a pattern that backtracks would not come back."""
    assert redact(text).count("\n") == text.count("\n")
