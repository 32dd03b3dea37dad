"""The file that a backup is: a compressed tar archive that says what it holds.

    manifest.json      who and what is in it, and which versions wrote it
    smallhours.toml    the settings
    lake/...           the lake's files
    airflow/...        airflow.cfg with the Fernet key, the passwords of Airflow's pages, and
                       airflow.db, or airflow.sql from PostgreSQL
    checksums.json     SHA-256 of every file before it; a cut archive has none

Only such files are unpacked: no links, and no path that leads elsewhere.
"""

import hashlib
import io
import json
import os
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pydantic import BaseModel, ValidationError

from smallhours.errors import SmallhoursError
from smallhours.local.home_files import JWT_SECRET
from smallhours.private_files import FILE_MODE, make_private_folder, private_opener

FORMAT = 1
CONFIGURATION = "airflow.cfg"
PASSWORDS = "simple_auth_manager_passwords.json.generated"
SQLITE = "airflow.db"
SQL = "airflow.sql"
SETTINGS = "smallhours.toml"
_MANIFEST = "manifest.json"
_CHECKSUMS = "checksums.json"
_AIRFLOW_FILES = frozenset({CONFIGURATION, JWT_SECRET, PASSWORDS, SQLITE, SQL})
_BLOCK = 1 << 20


class BackupError(SmallhoursError):
    """A backup can't be made, or does not fit where it should be restored."""


class Manifest(BaseModel):
    """What an archive holds.

    Attributes:
        format: The version of the archive's form.
        made_at: When it was made, ISO 8601, UTC.
        smallhours: The version of Smallhours that made it.
        airflow: The version of Airflow whose database it holds.
        home: Where Airflow's home was.
        database: What the database is; None where there was none.
        lake: Whether the lake is in it; one on an object store is not.
        listeners: Names to their names at Last.fm; empty text where it is not known.
        listenbrainz: Names to their names at ListenBrainz, likewise; older archives lack it.
        encrypted: Airflow's encrypted values, by which a key is tried.
    """

    format: int
    made_at: str
    smallhours: str
    airflow: str
    home: str
    database: Literal["sqlite", "postgresql"] | None
    lake: bool
    listeners: dict[str, str]
    listenbrainz: dict[str, str] = {}
    encrypted: list[str]


def write_archive(target: Path, manifest: Manifest, files: dict[str, Path]) -> None:
    """Write an archive: whole or not at all, and for its owner alone.

    Args:
        target: The archive, which must not exist yet.
        manifest: What it holds.
        files: Names in the archive to files.
    """
    unfinished = target.with_name(f"{target.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        with open(unfinished, "xb", opener=private_opener) as output:
            with tarfile.open(fileobj=output, mode="w:gz", compresslevel=1) as tar:
                text = manifest.model_dump_json(indent=1).encode()
                sums = {_MANIFEST: _add(tar, _MANIFEST, io.BytesIO(text), len(text))}
                for name, path in sorted(files.items()):
                    with path.open("rb") as content:
                        size = os.fstat(content.fileno()).st_size
                        sums[name] = _add(tar, name, content, size)
                text = json.dumps(sums, indent=1).encode()
                _add(tar, _CHECKSUMS, io.BytesIO(text), len(text))
            output.flush()
            os.fsync(output.fileno())
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> str:
    """Add a file, and return its checksum."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, FILE_MODE
    digest = hashlib.sha256()
    tar.addfile(member, _Tee(content, digest.update))
    return digest.hexdigest()


class _Tee(io.RawIOBase):
    """A file that shows somebody what is read of it."""

    def __init__(self, source: IO[bytes], show: Callable[[bytes], None]) -> None:
        self._source = source
        self._show = show

    def read(self, size: int = -1) -> bytes:
        """Read, and show."""
        data = self._source.read(size)
        self._show(data)
        return data


def unpack(archive: Path, folder: Path) -> Manifest:
    """Unpack an archive into a new folder, for its owner alone.

    Raises:
        BackupError: when it is no archive of ours, is damaged or cut, holds something else than
            a backup does, or is of a newer version.
    """
    make_private_folder(folder)
    sums: dict[str, str] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                _check_member(archive, member)
                sums[member.name] = _extract(tar, member, folder)
        _compare(archive, folder, sums)
        return _read_manifest(archive, folder)
    except FileNotFoundError as error:
        if error.filename == str(archive):
            raise BackupError(f"There is no file {archive}.", remedy="Name a backup.") from None
        raise _damaged(archive) from None
    except (
        tarfile.TarError, EOFError, zlib.error, UnicodeError,
        FileExistsError, NotADirectoryError, IsADirectoryError,
    ):  # fmt: skip
        raise _damaged(archive) from None
    except OSError as error:
        if error.errno is None:  # gzip's own
            raise _damaged(archive) from None
        raise BackupError(
            f"{archive} can't be unpacked into {folder}: {error.strerror}.",
            remedy="Nothing was changed. Make room there, and see that both are yours to read "
            "and write.",
        ) from None


def _damaged(archive: Path) -> BackupError:
    return BackupError(
        f"{archive} is not a whole backup: it is damaged, or was cut.",
        remedy="Nothing was changed. Copy it here again, or take another backup.",
    )


def _check_member(archive: Path, member: tarfile.TarInfo) -> None:
    """Refuse what a backup never holds."""
    path = PurePosixPath(member.name)
    top, *below = path.parts or ("",)
    known = (
        (not below and top in {_MANIFEST, SETTINGS, _CHECKSUMS})
        or (top == "lake" and below)
        or (top == "airflow" and len(below) == 1 and below[0] in _AIRFLOW_FILES)
    )
    if not known or ".." in path.parts or str(path) != member.name or not member.isreg():
        raise BackupError(
            f"{archive} holds {member.name!r}, which is no part of a backup.",
            remedy="Nothing was changed. Restore only what `smallhours backup` wrote.",
        )


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> str:
    """Write one file, and return its checksum."""
    target = folder / member.name
    make_private_folder(target.parent)
    digest = hashlib.sha256()
    content = tar.extractfile(member)
    if content is None:
        raise tarfile.TarError
    with open(target, "xb", opener=private_opener) as file:
        while block := content.read(_BLOCK):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _compare(archive: Path, folder: Path, sums: dict[str, str]) -> None:
    """Compare what was unpacked with the checksums."""
    if sums.pop(_CHECKSUMS, None) is None:
        raise _damaged(archive)
    try:
        wanted = json.loads((folder / _CHECKSUMS).read_bytes())
    except ValueError:
        raise _damaged(archive) from None
    if wanted != sums:
        raise _damaged(archive)


def _read_manifest(archive: Path, folder: Path) -> Manifest:
    try:
        content = json.loads((folder / _MANIFEST).read_bytes())
        version = content["format"]
        if isinstance(version, int) and version > FORMAT:
            raise BackupError(
                f"{archive} was made by a newer version of Smallhours ({content['smallhours']}).",
                remedy="Nothing was changed. Upgrade Smallhours here, then restore.",
            )
        return Manifest.model_validate(content)
    except (ValueError, ValidationError, TypeError, KeyError):
        raise _damaged(archive) from None
