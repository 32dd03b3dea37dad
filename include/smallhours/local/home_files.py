"""Airflow's home on this machine: its folder and configuration, made before anything is stored.

Airflow writes its configuration, and with it the Fernet key that encrypts connections and
variables, when one of its own commands first runs. A login comes before that, and the parts that
start at once each write a key of their own. So both are made here: once, whole, and for the person
who runs Smallhours alone.
"""

import base64
import configparser
import contextlib
import fcntl
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from smallhours.private_files import (
    FOLDER_MODE,
    UMASK,
    make_private_folder,
    private_opener,
    write_private,
)

DEFAULT_HOME = Path(".airflow")
_FERNET_KEY = "AIRFLOW__CORE__FERNET_KEY"
JWT_SECRET = "jwt_secret"  # noqa: S105 - a file's name
_CONFIGURATION = """\
# Airflow's configuration. Any other setting of Airflow's may be added in its section.
# Keep this file with airflow.db: without the key that database can't be read, and whoever has both
# has your logins.

[core]
fernet_key = {fernet_key}

[api_auth]
jwt_secret = {jwt_secret}
"""


def home_folder() -> Path:
    """Return Airflow's home for the command line: AIRFLOW_HOME, or `.airflow` where it is run."""
    given = os.environ.get("AIRFLOW_HOME")
    return Path(os.path.expandvars(given)).expanduser() if given else DEFAULT_HOME.resolve()


def is_ours(folder: Path) -> bool:
    """Return whether a home is the one that `smallhours up` runs, not another Airflow."""
    return folder.resolve() == DEFAULT_HOME.resolve()


def own_fernet_key() -> dict[str, str]:
    """Return the environment's variables that name a Fernet key of the person's own."""
    return {name: value for name, value in os.environ.items() if name.startswith(_FERNET_KEY)}


def use_home() -> None:
    """Make sure that Airflow has a home and a Fernet key, before Airflow is imported.

    In our own home, what this process writes from here on is for its owner alone.
    """
    folder = home_folder()
    if is_ours(folder):
        os.umask(UMASK)
        make_private_folder(folder)
        folder.chmod(FOLDER_MODE)
    make_home(folder, os.environ)


@contextlib.contextmanager
def home_as_it_is() -> Iterator[Path]:
    """Let Airflow be asked without making its home: where there is none, in a temporary one.

    In our own home, what Airflow makes when it is imported is for its owner alone.

    Yields:
        Where the home is, or would be.
    """
    folder = home_folder()
    if folder.is_dir():
        before = os.umask(UMASK) if is_ours(folder) else None
        try:
            yield folder
        finally:
            if before is not None:
                os.umask(before)
        return
    with tempfile.TemporaryDirectory(prefix="smallhours-") as nowhere:
        os.environ["AIRFLOW_HOME"] = nowhere
        try:
            yield folder
        finally:
            os.environ["AIRFLOW_HOME"] = str(folder)


def make_home(folder: Path, env: Mapping[str, str]) -> None:
    """Make the folder and Airflow's configuration, where they are missing.

    Of several processes that do so at once, one writes the configuration and the others find it.

    Args:
        folder: Airflow's home.
        env: The environment that Airflow will have; a Fernet key in it is the one that is written.
    """
    make_private_folder(folder)
    if "AIRFLOW_CONFIG" in env:
        return  # the person's own configuration, wherever it is
    target = folder / "airflow.cfg"
    if target.exists():
        return
    with _only_one(folder / "airflow.cfg.lock"):
        if not target.exists():
            key = env.get(_FERNET_KEY) or base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
            text = _CONFIGURATION.format(fernet_key=key, jwt_secret=secrets.token_hex(48))
            write_private(target, text)


def kept_jwt_secret(folder: Path) -> str | None:
    """Return the secret that Airflow's parts share where the configuration in a home has none.

    A person's own airflow.cfg may lack it; then each part would make up one of its own, and refuse
    the others. Pages sign their sessions with it, so that it is kept: a session outlives a restart.
    """
    configuration = configparser.RawConfigParser(strict=False)
    configuration.read(folder / "airflow.cfg", encoding="utf-8")
    if configuration.get("api_auth", "jwt_secret", fallback="").strip():
        return None
    kept = folder / JWT_SECRET
    with _only_one(folder / "airflow.cfg.lock"):
        if not kept.exists():
            write_private(kept, secrets.token_hex(48))
        return kept.read_text(encoding="utf-8")


@contextlib.contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Wait until no other process holds a lock file, then hold it."""
    with open(lock, "a", opener=private_opener) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
