"""/v1.0/customers, /v1.0/agents, and /auth/login."""

import logging
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from calls.models import WebhookEndpoint, WebhookStyle
from recordings.api.kit.base import json_reply
from recordings.api.kit.bodies import fields_of
from recordings.api.kit.problems import MethodRefused, problem_of
from recordings.api.resources.dialect import COOKIE, RESOURCES
from recordings.api.resources.views.listing import ListingViewSet
from recordings.api.resources.wire import people as wire
from recordings.ranges import CACHE_CONTROL
from workspaces import logins, scopes
from workspaces.models import Member, Role, Workspace
from workspaces.scopes import Scope

logger = logging.getLogger(__name__)

PASSWORD_LENGTH = 4096


class CustomerViewSet(ListingViewSet[Workspace]):
    """The caller's own workspace, and no other."""

    scope = Scope.CALLS_READ
    columns = wire.CUSTOMER_FIELDS

    @property
    def rows(self) -> QuerySet[Workspace]:
        return Workspace.objects.filter(pk=self.workspace.pk)

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        uri = ""
        if scopes.allows(self.caller.scopes, Scope.WEBHOOKS_READ):
            endpoints = WebhookEndpoint.objects.of(self.workspace).filter(enabled=True, style=WebhookStyle.RESOURCES)
            uri = endpoints.order_by("tm_create").values_list("url", flat=True).first() or ""
        return [wire.customer(row, webhook_uri=uri) for row in rows]


class AgentViewSet(ListingViewSet[Member]):
    """The members of the workspace whose role is agent."""

    scope = Scope.CALLS_READ
    columns = wire.AGENT_FIELDS

    @property
    def rows(self) -> QuerySet[Member]:
        return Member.objects.of(self.workspace).filter(role=Role.AGENT)

    def written(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [wire.agent(row) for row in rows]


@csrf_exempt  # it reads no session
def login(request: HttpRequest) -> HttpResponse:
    """POST {username, password, customer_id?} → {username, token}, and the same token as a cookie for reading."""
    try:
        reply = _signed_in(request)
    except Exception as error:  # as a view set does: what is not known is internal, and logged
        problem = problem_of(error, statuses=RESOURCES.statuses, allow="POST")
        if problem.status >= 500:
            logger.exception("a sign-in of resources failed")
        reply = RESOURCES.refuse(problem, request)
    reply.headers["Cache-Control"] = CACHE_CONTROL
    for name, value in RESOURCES.headers(request).items():
        reply.headers[name] = value
    return reply


def _signed_in(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        raise MethodRefused(str(request.method), allow="POST")
    fields = fields_of(request.body)
    username = fields.text("username", needed=True)
    password = fields.text("password", needed=True, longest=PASSWORD_LENGTH)
    token = logins.sign_in(username=username, password=password, workspace_id=fields.uuid("customer_id"))
    reply = json_reply({"username": username, "token": token})
    reply.set_cookie(
        COOKIE, token, max_age=logins.LIFE, httponly=True, samesite="Strict", secure=settings.HTTPS, path="/v1.0/"
    )
    return reply
