"""What a stage says when it is done: a few counts that a person wants to read."""

from typing import Any

Summary = dict[str, Any]
