"""Stable identifiers: Spotify's base-62 ids, MusicBrainz's UUIDs and ISRCs."""

import hashlib
import re
import uuid

BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _digest(seed: int, kind: str, key: str | int) -> bytes:
    return hashlib.blake2b(f"{seed}|{kind}|{key}".encode(), digest_size=16).digest()


def base62_id(seed: int, kind: str, key: str | int) -> str:
    """Return a 22-character base-62 id like Spotify's, stable for (seed, kind, key)."""
    number = int.from_bytes(_digest(seed, kind, key), "big")
    digits = []
    for _ in range(22):
        number, rest = divmod(number, 62)
        digits.append(BASE62[rest])
    return "".join(reversed(digits))


def mbid(seed: int, kind: str, key: str | int) -> str:
    """Return a version 4 UUID like MusicBrainz's, stable for (seed, kind, key)."""
    return str(uuid.UUID(bytes=_digest(seed, kind, key), version=4))


def hashed_share(text: str) -> float:
    """Return a number from 0 to 1, exclusive, that is always the same for the same text."""
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


def isrc(seed: int, key: int, year: int) -> str:
    """Return an ISRC with the unassigned country code ZZ: prefix, two-digit year, designation."""
    registrant = BASE62[10 + seed % 26] + BASE62[10 + key % 26] + BASE62[key // 26 % 10]
    return f"ZZ{registrant}{year % 100:02d}{key % 100_000:05d}"


def is_uuid(text: object) -> bool:
    """Return whether a value is a UUID in its usual form."""
    return isinstance(text, str) and UUID.fullmatch(text) is not None
