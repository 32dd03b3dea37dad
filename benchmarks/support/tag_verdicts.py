"""The verdicts on tags that were judged by hand, in `tag_verdicts.txt` beside this module."""

import hashlib
from functools import lru_cache
from pathlib import Path

VERDICTS = Path(__file__).with_suffix(".txt")


@lru_cache(maxsize=1)
def read_verdicts() -> dict[str, bool]:
    """Return the verdicts by the hash of the tag: True for a meaningful one."""
    meaningful = False
    found: dict[str, bool] = {}
    for line in VERDICTS.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            meaningful = line == "[meaningful]"
        elif not line.startswith("#"):
            found |= dict.fromkeys(line.split(), meaningful)
    return found


def verdict_on(tag: str) -> bool | None:
    """Return whether a tag, as taggers write it, is meaningful; None where it was not judged."""
    return read_verdicts().get(hashlib.blake2b(tag.encode(), digest_size=5).hexdigest())
