"""The requests session of a service: it retries nothing, and times a reply as a whole.

A socket's own timeout starts anew with each byte, so a server that drips would hold it for ever.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any, Final

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from smallhours.services.retry_and_rate_limit import user_agent

CONNECTIONS: Final = 16


class _NoNetrc(AuthBase):
    """An auth that leaves a request as it is.

    Without an auth of its own, requests looks into ~/.netrc and would replace our Authorization
    header by what it finds there.
    """

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        return r


class _TimedReader(io.RawIOBase):
    """The bytes from a socket until a moment, however slowly they come."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, timeout_s: float) -> None:
        self._sock = sock
        self._raw = raw
        self._ends_at = time.monotonic() + timeout_s

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError("the reply did not come whole in time")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(HTTPResponse):
    """A response whose whole reading, headers and body, has the time of the socket's timeout."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        timeout_s = sock.gettimeout()
        if timeout_s is not None:
            raw = self.fp.detach()
            self.fp = io.BufferedReader(_TimedReader(sock, raw, timeout_s))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """An adapter whose connections time a reply as a whole."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _time_replies(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        _time_replies(manager)
        return manager


def _time_replies(manager: urllib3.PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def new_session(contact: str = "") -> requests.Session:
    """Return a session with pooled connections that retries nothing and reads no ~/.netrc.

    urllib3's own retries sleep through a Retry-After of hours, repeat POSTs and hide the status
    of an error (all seen with spotipy's default session).

    Args:
        contact: Whom the service may write to; each request names it.
    """
    session = requests.Session()
    adapter = _Adapter(pool_connections=2, pool_maxsize=CONNECTIONS, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.auth = _NoNetrc()
    session.headers["User-Agent"] = user_agent(contact)
    return session
