"""The base of clients of services without a key: JSON by GET, many ids in one call.

ReccoBeats and AcousticBrainz are such services; their clients add the queries and the parsers.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

import requests

from smallhours.errors import (
    BrokenReply,
    NotFound,
    QuotaExceeded,
    Refused,
    RetryLater,
    SourceRefused,
)
from smallhours.service_settings import AcousticbrainzSettings, ReccobeatsSettings
from smallhours.services.client import Client
from smallhours.services.http_session import new_session
from smallhours.services.journal import Journal
from smallhours.services.json_cursor import REMEDY, JsonCursor
from smallhours.services.rate_limit import TokenBucket, shared_rate_limit
from smallhours.services.retry import (
    RETRY_AFTER_FAULT_S,
    CallCounter,
    RetryPolicy,
    TransientError,
    call_with_retries,
    redact,
    retry_after,
)

# Features by name, of each id that the service knows.
Features = dict[str, dict[str, float]]

# A longer wait than this means that a daily quota is used up.
MAX_RATE_LIMIT_S: Final = 3600.0
# There is no key to refuse: whoever is forbidden one question is forbidden all.
_FORBIDDEN = {requests.codes.unauthorized, requests.codes.forbidden}


class KeylessClient(Client):
    """A client of such a service.

    Args:
        settings: Where it is, and how much is asked of it.
        rate_limit: How fast requests may start; the process's own for this service by default.
        retry_policy: What is tried again.
        journal: Keeps replies until they are stored; by default nothing does.
    """

    # Its section of the settings, and how long a rate limit lasts that names no time.
    section: ClassVar[str]
    rate_limit_s: ClassVar[float]

    def __init__(
        self,
        *,
        settings: ReccobeatsSettings | AcousticbrainzSettings,
        rate_limit: TokenBucket | None = None,
        retry_policy: RetryPolicy | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._url = settings.api_url.rstrip("/")
        self._timeout_s = settings.timeout_s
        self._rate_limiter = rate_limit or shared_rate_limit(
            self.service, settings.calls_per_second
        )
        self._retry_policy = retry_policy or RetryPolicy()
        self._journal = journal or Journal()
        self._session = new_session()
        super().__init__(self._session.close, CallCounter())

    def fetch_features(
        self,
        path: str,
        ids: Sequence[str],
        *,
        most: int,
        params: Callable[[Sequence[str]], Mapping[str, str]],
        parse: Callable[[JsonCursor, Sequence[str]], Features],
    ) -> Features:
        """Return the features that one path gives, in calls of at most `most` ids.

        Args:
            path: Below the API's root.
            ids: Each once.
            most: Ids in a call.
            params: The query for a batch of ids.
            parse: Reads a reply about a batch of ids, or raises BrokenReply.

        Raises:
            ServiceError: what stands in its place.
        """
        questions = {each: f"{self.service} {path} {each}" for each in ids}
        kept = {each: self._journal.recall(question) for each, question in questions.items()}
        found: Features = {each: json.loads(text) for each, text in kept.items() if text}
        left = [each for each in ids if each not in found]
        for start in range(0, len(left), most):
            batch = left[start : start + most]
            answers = call_with_retries(
                lambda batch=batch: parse(self._ask(path, params(batch)), batch),  # type: ignore[misc]
                self._retry_policy,
            )
            self._journal.note(
                {questions[each]: json.dumps(answers.get(each, {})) for each in batch}
            )
            found |= answers
        return {each: features for each, features in found.items() if features}

    def _ask(self, path: str, params: Mapping[str, str]) -> JsonCursor:
        self._rate_limiter.acquire()
        self._counter.add(f"GET {path}")
        try:
            response = self._session.get(
                f"{self._url}/{path}", params=params, timeout=self._timeout_s
            )
        except requests.RequestException as error:
            raise TransientError(
                self.service,
                f"no reply ({type(error).__name__}).",
                remedy="Check the internet connection; the next try carries on from here.",
                after=RETRY_AFTER_FAULT_S,
            ) from None
        self._counter.on_reply(f"GET {path}", response.status_code, response.content)
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        self._check_status(path, response, body)
        return JsonCursor(self.service, body)

    def _check_status(self, path: str, response: requests.Response, body: object) -> None:
        status = response.status_code
        if status == requests.codes.ok:
            if body is None:
                raise BrokenReply(self.service, "the reply is not JSON.", remedy=REMEDY)
            return
        said = ""
        if isinstance(body, dict):
            said = redact(body.get("message") or body.get("error") or "", [])
        what = f"GET {path} was answered with {status}" + (f" ({said})." if said else ".")
        if status == requests.codes.too_many_requests:
            wait = response.headers.get("Retry-After")
            wait = wait or response.headers.get("X-RateLimit-Reset-In")
            after = retry_after(wait, default=self.rate_limit_s)
            raise (QuotaExceeded if after > MAX_RATE_LIMIT_S else RetryLater)(
                self.service, what, remedy="The next try carries on from here.", after=after
            )
        if status >= requests.codes.internal_server_error:
            raise TransientError(
                self.service,
                what,
                remedy="It is the service's own trouble; the next try carries on from here.",
                after=RETRY_AFTER_FAULT_S,
            )
        remedy = f"If it lasts, set `enabled = false` under [services.{self.section}]."
        if status in _FORBIDDEN:
            raise SourceRefused(self.service, what, remedy=remedy)
        if not said:
            raise BrokenReply(self.service, what, remedy=REMEDY)
        kind = NotFound if status == requests.codes.not_found else Refused
        raise kind(self.service, what, remedy=remedy)
