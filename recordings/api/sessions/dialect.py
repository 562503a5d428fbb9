"""What makes `sessions` itself: an app and its key in two headers, sessions that belong to the app, its limit."""

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from calls.errors import SessionUnknown
from calls.models import Session
from recordings.api.kit.base import Dialect, DialectViewSet
from recordings.api.kit.problems import Problem, RequestInvalid, RequestProblem
from recordings.api.sessions import errors
from workspaces import limits
from workspaces.errors import CredentialInvalid, CredentialMissing
from workspaces.keys import verify_api_key
from workspaces.limits import Rate
from workspaces.models import ApiKey

APP_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
API_KEY = re.compile(r"[\x21-\x7e]{16,}")


class SessionForeign(RequestProblem):
    """The session is another app's: the one reply of this surface that tells a stranger's id from an absent one."""

    code = "session_foreign"


class Sessions(Dialect):
    name = "sessions"
    statuses = errors.STATUSES

    def key_of(self, request: HttpRequest) -> ApiKey:
        """The app's key. One of another app, or of none, counts as little as one that does not exist."""
        app_id = request.headers.get("X-App-ID", "")
        if not app_id:
            raise RequestInvalid("Missing X-App-ID header")
        if not APP_ID.fullmatch(app_id):
            raise RequestInvalid("Invalid X-App-ID format")
        raw = request.headers.get("X-API-Key", "")
        if not raw:
            raise CredentialMissing
        if not API_KEY.fullmatch(raw):
            raise CredentialInvalid("absent")
        key = verify_api_key(raw)
        if key.app is None or key.app.app_id != app_id:
            raise CredentialInvalid("absent")
        return key

    def error(self, problem: Problem, *, path: str) -> HttpResponse:  # noqa: ARG002 - its errors name no path
        return errors.error(problem)

    def count(self, key: ApiKey) -> Rate | None:
        return limits.hit(f"sessions:{key.app_id}", limit=settings.SESSIONS_REQUESTS_PER_MINUTE, seconds=60)


SESSIONS = Sessions()


class SessionsViewSet(DialectViewSet):
    abstract = True
    dialect = SESSIONS

    def session(self, session_id: str) -> Session:
        """The app's session of this id. Raises SessionUnknown and SessionForeign."""
        if "\0" in session_id:  # no column of text can hold one
            raise SessionUnknown(session_id)
        found = Session.objects.select_related("call").filter(pk=session_id).first()
        if found is None:
            raise SessionUnknown(session_id)
        if found.app_id != self.key.app_id:
            raise SessionForeign
        return found
