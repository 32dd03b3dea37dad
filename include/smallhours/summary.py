"""The type of a stage's summary: a few counts for people to read."""

from typing import Any

Summary = dict[str, Any]
