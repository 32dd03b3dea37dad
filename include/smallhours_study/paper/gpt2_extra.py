"""The check that the packages of the extra `gpt2` are installed."""

from importlib.util import find_spec

from smallhours.errors import SmallhoursError

NEEDED = ("torch", "transformers", "safetensors")
REMEDY = "Install it with `make gpt2`, or `pip install 'smallhours[gpt2]'`."


class MissingExtra(SmallhoursError):
    """The error for the use of a part whose extra is not installed."""


def gpt2_available() -> str | None:
    """Return None when GPT-2 can be used, else the reason why not."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if not missing:
        return None
    return f"the extra `gpt2` is not installed: {', '.join(missing)} can't be found"


def require_gpt2() -> None:
    """Check that GPT-2 can be used.

    Raises:
        MissingExtra: when a package of the extra is not installed.
    """
    if reason := gpt2_available():
        raise MissingExtra(f"GPT-2 was not trained: {reason}.", remedy=REMEDY)
