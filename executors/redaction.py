"""Takes secrets out of everything that leaves a run: results, log lines, errors.

The engine makes one `Redactor` an execution, hands `redactor.watch(lookup)` to the context as `secrets`, and passes
every text and document through it. Known values are found in the spellings they travel in; the patterns catch
credentials nobody told us about. Addresses, hashes and prices must survive it.
"""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MARK = "[redacted]"
SHORTEST = 6
SHORTEST_LINE = 8

_SECRET_KEY = re.compile(
    r"(?:proxy[-_]?)?authorization|(?:set[-_]?)?cookie|x[-_](?:api[-_]key|auth[-_]token)|api[-_]?key|pass(?:word|wd|phrase)"
    r"|(?:client|webhook|signing|shared)[-_]?secret|(?:access|refresh|bearer|auth|session)[-_]?token"
    r"|(?:private|secret)[-_]?key|mnemonic|seed[-_]?phrase",
    re.IGNORECASE,
)
_ASSIGN = r"[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
_WORDS = r"(?:[a-z]{3,8}[ ,]{1,2}){11,23}[a-z]{3,8}"
# Each pattern with the words without which it cannot match, in lower case: most lines hold none of them.
_PATTERNS: tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...] = tuple(
    (words, re.compile(pattern), replacement)
    for words, pattern, replacement in (
        (
            ("private key-----",),
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{1,20000}?-----END [A-Z ]{0,30}PRIVATE KEY-----",
            MARK,
        ),
        (
            ("authorization",),
            rf"(?i)(authorization{_ASSIGN})(?:(?:bearer|basic|digest|token|negotiate)\s{{1,3}})?[^\s\"',;]+",
            rf"\1{MARK}",
        ),
        (("cookie",), rf"(?i)(cookie{_ASSIGN})[^\"'\r\n]+", rf"\1{MARK}"),
        (("x-api-key",), rf"(?i)(x-api-key{_ASSIGN})[^\s\"',;]+", rf"\1{MARK}"),
        (("bearer",), r"(?i)(bearer\s{1,3})[\w.~+/-]{16,}=*", rf"\1{MARK}"),
        (
            ("passw", "secret", "key", "token"),
            r"(?i)((?:passw(?:or)?d|secret|secret_access_key|api_?key|(?:api|auth|access|refresh)_token|private_key)"
            r"(?:=|[\"']\s{0,3}:\s{0,3})[\"']?)[^\s\"'&,;]{4,}",
            rf"\1{MARK}",
        ),
        (
            ("key=", "token=", "sig=", "signature=", "auth="),
            r"(?i)([?&](?:key|token|sig|signature|auth)=)[^\s\"'&#]{6,}",
            rf"\1{MARK}",
        ),
        (("whsec_",), r"whsec_[\w+/=-]{8,}", MARK),
        # 64 hex digits alone may be a transaction; beside such a word they are a key.
        (("key",), r"(?i)((?:private|secret)[ _-]?key[^\n]{0,20}?)\b(?:0x)?[0-9a-f]{64}\b", rf"\1{MARK}"),
        (
            ("seed", "mnemonic", "recovery"),
            rf"(?i)\b((?:seed|mnemonic|recovery)(?: phrase| words)?\W{{1,5}}(?:is\W{{1,3}})?){_WORDS}",
            rf"\1{MARK}",
        ),
        (("://",), r"(://[^\s/:@\"']{0,200}:)[^\s/@\"']{1,200}@", rf"\1{MARK}@"),
        (("discord",), r"(?i)(https://(?:\w+\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/)[\w-]+", rf"\1{MARK}"),
        (
            ("hooks.slack.com",),
            r"(?i)(https://hooks\.slack\.com/(?:services|workflows|triggers)/)[\w/-]+",
            rf"\1{MARK}",
        ),
        (("eyj",), r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}", MARK),
        (("akia", "asia"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", MARK),
        (("gh", "github_pat_"), r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{40,}", MARK),
        (
            ("k_live_", "k_test_", "xox", "re_"),
            r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bre_[A-Za-z0-9]{8,}_\w{16,}",
            MARK,
        ),
    )
)


class Redactor:
    """Knows the secret values of one execution. `text` and `json` give back what may be seen."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: set[str] = set()
        self._known: re.Pattern[str] | None = None
        for value in values:
            self.learn(value)

    def learn(self, value: str) -> None:
        """From now on hide this value. Shorter than six characters it would hide half the language: left alone."""
        self._forms.update(_spellings(value))
        ordered = sorted(self._forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def watch(self, lookup: Callable[[str], str]) -> Callable[[str], str]:
        """The same lookup, except that what it hands out is known here first."""

        def watched(name: str) -> str:
            value = lookup(name)
            self.learn(value)
            return value

        return watched

    def text(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(MARK, text)
        lower = text.lower()
        for words, pattern, replacement in _PATTERNS:
            if any(word in lower for word in words):
                text = pattern.sub(replacement, text)
        return text

    def json(self, document: Any) -> Any:
        """The document with every text redacted, keys too; what stands under a key like `password` is hidden."""
        if isinstance(document, str):
            return self.text(document)
        if isinstance(document, dict):
            return {self.text(str(key)): self._under(str(key), value) for key, value in document.items()}
        if isinstance(document, list | tuple):
            return [self.json(item) for item in document]
        return document

    def _under(self, key: str, value: Any) -> Any:
        return _hidden(value) if _SECRET_KEY.fullmatch(key) else self.json(value)


def _hidden(value: Any) -> Any:
    """What stands under a telling key: the shape stays, every text and number goes."""
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in value]
    return MARK if value not in ("", None) and not isinstance(value, bool) else value


def _spellings(value: str) -> Iterator[str]:
    """The value, its lines, and how they look in a URL, in JSON and inside base64."""
    if len(value) < SHORTEST:
        return
    lines = [line.strip() for line in value.splitlines() if len(line.strip()) >= SHORTEST_LINE]
    for one in {value, value.strip(), *(lines if "\n" in value else ())}:
        yield one
        yield from (quote(one), quote(one, safe=""), quote_plus(one))
        yield from (json.dumps(one)[1:-1], json.dumps(one, ensure_ascii=False)[1:-1])
        yield from _in_base64(one.encode())


def _in_base64(raw: bytes) -> Iterator[str]:
    """Base64 looks different by where in the encoded text the value begins; only its own digits are kept."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        first = -(-before * 8 // 6)
        last = (before + len(raw)) * 8 // 6
        inner = encoded[first:last]
        if len(inner) >= SHORTEST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")
