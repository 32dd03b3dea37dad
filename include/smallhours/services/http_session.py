"""The requests session that all clients use: pooled, without retries, without ~/.netrc."""

from typing import Final

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from smallhours.services.retry import USER_AGENT

CONNECTIONS: Final = 16


class _NoNetrc(AuthBase):
    """An auth that leaves a request as it is.

    Without an auth of its own, requests looks into ~/.netrc and would replace our Authorization
    header by what it finds there.
    """

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


def new_session() -> requests.Session:
    """Return a session with pooled connections that retries nothing and reads no ~/.netrc.

    urllib3's own retries sleep through a Retry-After of hours, repeat POSTs and hide the status
    of an error (all seen with spotipy's default session).
    """
    session = requests.Session()
    adapter = HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.auth = _NoNetrc()
    session.headers["User-Agent"] = USER_AGENT
    return session
