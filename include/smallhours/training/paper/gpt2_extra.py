"""Is what GPT-2 needs installed, and what is a person told when it is not?"""

from importlib.util import find_spec

from smallhours.errors import SmallhoursError

NEEDED = ("torch", "transformers", "safetensors")
REMEDY = "Install it with `make gpt2`, or `pip install 'smallhours[gpt2]'`."


class MissingExtra(SmallhoursError):
    """A part of Smallhours was used that is an extra, and the extra is not installed."""


def gpt2_available() -> str | None:
    """None when GPT-2 can be used, else the reason why it can't."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if not missing:
        return None
    return f"the extra `gpt2` is not installed: {', '.join(missing)} can't be found"


def require_gpt2() -> None:
    """Pass when GPT-2 can be used.

    Raises:
        MissingExtra: when a package of the extra is not installed.
    """
    if reason := gpt2_available():
        raise MissingExtra(f"GPT-2 was not trained: {reason}.", remedy=REMEDY)
