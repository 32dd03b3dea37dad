"""The errors that Smallhours raises on purpose; each says what its reader should do.

    SmallhoursError
    ├── SettingsError          smallhours.toml is malformed or has a wrong key
    │   └── SettingsUnreadable it is not on this machine, or can't be read there
    ├── LakeError              the lake can't be read or written
    │   ├── LakeUnwritable     no permission, or the disk is full
    │   ├── CorruptFile        a Parquet file is truncated or not Parquet at all
    │   └── SchemaMismatch     rows or a file do not fit the table's schema
    ├── ServiceError           an outside system (Spotify, Last.fm, ...) did not give what was asked
    │   ├── RetryLater         a rate limit or a passing fault: the same call may work later
    │   │   └── QuotaExceeded  the day's quota is used up; nothing works before it renews
    │   ├── NeedsLogin         the login expired or was revoked: only the listener can help
    │   ├── NotFound           the service says that the thing does not exist
    │   ├── Refused            a private profile, a missing scope, a closed endpoint
    │   │   └── SourceRefused  a wrong or unpaid key, a blocked account: nothing else will work
    │   └── BrokenReply        the reply can't be understood
    ├── NotEnoughData          too little history or catalog for what was asked
    ├── DegeneratePlaylist     tonight's list is not fit to replace yesterday's
    └── PlaylistNotOwned       the playlist is not, or no longer, ours to write

An error says what happened and then, in `remedy`, what to do about it. Neither part may ever
hold a secret: no token, key or password, and no URL or header that carries one.
"""

import errno

_MOVE_THE_LAKE = "or point SMALLHOURS_LAKE to another place"
# By the system's code of the fault.
_LAKE_REMEDIES = {
    errno.ENOSPC: "Free some space on that disk",
    errno.EDQUOT: "Free some of your disk quota",
    errno.EROFS: "Mount it writable",
    errno.EACCES: "Give the user that runs Smallhours write access to it",
    errno.EPERM: "Give the user that runs Smallhours write access to it",
    errno.ENOTDIR: "Move away the file that stands where a folder is needed",
    errno.EEXIST: "Move away the file that stands where a folder is needed",
    errno.ENOLCK: "Use a file system that supports locks",
}


class SmallhoursError(Exception):
    """The base of all errors: `what` happened, and the `remedy`."""

    def __init__(self, what: str, *, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}"


class SettingsError(SmallhoursError):
    """The settings file is missing, malformed, or has a wrong key or value."""


class SettingsUnreadable(SettingsError):
    """The settings file is missing on this machine, or can't be read there."""


class LakeError(SmallhoursError):
    """The lake can't be read or written."""


class LakeUnwritable(LakeError):
    """The lake's folder or bucket refuses writes, or the disk is full. Nothing was lost."""


class CorruptFile(LakeError):
    """A file of the lake is truncated or is not Parquet."""


class SchemaMismatch(LakeError):
    """Rows, or a file, do not fit their table's schema."""


class ServiceError(SmallhoursError):
    """An outside system did not give what was asked of it."""

    def __init__(self, service: str, what: str, *, remedy: str) -> None:
        super().__init__(f"{service}: {what}", remedy=remedy)
        self.service = service


class RetryLater(ServiceError):
    """A rate limit or a passing fault.

    `after` is the number of seconds to wait before the same call is worth another try.
    """

    def __init__(self, service: str, what: str, *, remedy: str, after: float) -> None:
        super().__init__(service, what, remedy=remedy)
        self.after = after


class QuotaExceeded(RetryLater):
    """The service's daily quota is used up."""


class NeedsLogin(ServiceError):
    """The stored login no longer works; the listener has to log in again."""


class NotFound(ServiceError):
    """The service answered, and says that the thing does not exist."""


class Refused(ServiceError):
    """The service understood and will not: a private profile, a missing scope, one odd question."""


class InvalidRequest(Refused):
    """The service calls a request invalid, as for an id in it that does not exist any more."""


class SourceRefused(Refused):
    """The service refuses the key, the account or the app, and so every other question too."""


class BrokenReply(ServiceError):
    """The reply is neither what the service documents nor one of its errors."""


class NotEnoughData(SmallhoursError):
    """Too little history or catalog for what was asked."""


class DegeneratePlaylist(SmallhoursError):
    """Tonight's list is too short or too poor to replace yesterday's."""


class PlaylistNotOwned(SmallhoursError):
    """The playlist is not, or no longer, ours to write."""


def unwritable(address: str, reason: str, code: int | None = None) -> LakeUnwritable:
    """Return the error for a file that can't be written, with the remedy for the system's code."""
    action = _LAKE_REMEDIES.get(code or 0, "Make it writable")
    return LakeUnwritable(
        f"The lake can't be written at {address}: {reason}. What was there before is intact.",
        remedy=f"{action}, {_MOVE_THE_LAKE}; then run the task again.",
    )


def unreadable(address: str, reason: str) -> LakeError:
    """Return the error for a file that can't be read."""
    return LakeError(
        f"The lake can't be read at {address}: {reason}.",
        remedy="Give the user that runs Smallhours read access to it, and check that the disk "
        "or the store is there; then run the task again.",
    )
