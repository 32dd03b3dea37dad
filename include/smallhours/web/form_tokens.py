"""The hidden token of every form, by which a form that another site sends is refused."""

import hashlib
import hmac

from fastapi import HTTPException, Request

FORM_FIELD_NAME = "form_token"
# Airflow's login cookie; without logins there is none, and the token is the same for everyone.
_LOGIN_COOKIE = "_token"


def token_for(request: Request, secret: str) -> str:
    """Return the token of this login's forms, 64 hexadecimal digits."""
    login = request.cookies.get(_LOGIN_COOKIE, "")
    return hmac.new(secret.encode(), login.encode(), hashlib.sha256).hexdigest()


def check_form_token(request: Request, shown: str, secret: str) -> None:
    """Refuse a form that was sent from another site.

    Raises:
        HTTPException: 403, when another site sent it or its token does not match the login.
    """
    site = request.headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none") or not hmac.compare_digest(
        shown.encode(), token_for(request, secret).encode()
    ):
        raise HTTPException(403, "This form is not from this page, or the login has changed.")
