"""A short name for an error that stays the same when only its numbers, ids, paths or quoted words differ.

Called when a failed attempt is recorded, so that statistics can count kinds of failure. Nothing is stored here.
"""

import hashlib
import re

# Longer messages differ at their end by chance; it also bounds the work.
_READ = 2_000

# Order matters: what is inside a larger thing must be masked with it.
_MASKS = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.I), "<uuid>"),
    (re.compile(r"\"[^\"\n]{0,500}\"|(?<!\w)'[^'\n]{0,500}'(?!\w)|`[^`\n]{0,500}`"), "<text>"),
    (re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s<>]+", re.I), "<url>"),
    (re.compile(r"(?<![\w<])(?:[A-Za-z]:)?(?:[\\/][\w.@%+~-]+)+[\\/]?"), "<path>"),
    (re.compile(r"\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b", re.I), "<hex>"),
    (re.compile(r"\d+(?:[.,:]\d+)*"), "<number>"),
)


def masked(message: str) -> str:
    """The message with everything that differs from case to case replaced by what kind of thing it is."""
    text = message[:_READ]
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return " ".join(text.lower().split())


def fingerprint(kind: str, message: str) -> str:
    """16 hexadecimal digits for (kind, masked message); the same in every process and on every day."""
    return hashlib.blake2b(f"{kind}\n{masked(message)}".encode(errors="replace"), digest_size=8).hexdigest()
