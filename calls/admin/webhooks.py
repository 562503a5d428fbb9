"""Webhook endpoints and what was sent to them: to be read."""

import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesCheckboxFilter

from calls.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from workspaces.admin.base import StaffAdmin
from workspaces.admin.dates import DayRange
from workspaces.rights import Right

DELIVERY_LOOKS = {
    DeliveryState.PENDING: ("Pending", "stopping", "schedule"),
    DeliveryState.DELIVERED: ("Delivered", "ended", "check"),
    DeliveryState.FAILED: ("Failed", "none", "close"),
}


def delivery_badge(delivery: WebhookDelivery) -> SafeString:
    word, tone, icon = DELIVERY_LOOKS[DeliveryState(delivery.status)]
    return format_html(
        '<span class="td-badge td-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>',
        *(tone, icon, word),
    )


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(StaffAdmin):
    """The secret is not shown: `create_webhook_endpoint` prints it once."""

    view_right = Right.KEYS
    list_display = ("url", "style", "enabled", "app", "workspace")
    list_select_related = ("app", "workspace")
    search_fields = ("url",)
    ordering = ("-tm_create", "-id")
    fields = ("url", "style", "enabled", "app", "workspace", "wanted", "tm_create", "id")
    readonly_fields = fields

    @admin.display(description="events")
    def wanted(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(map(str, endpoint.events)) or "those its style sends unasked"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(StaffAdmin):
    workspace_path = "endpoint__workspace_id"
    list_display = ("event_type", "badge", "endpoint_url", "attempts", "response_status", "tm_create")
    list_select_related = ("event", "endpoint")
    list_filter = (("status", ChoicesCheckboxFilter), ("tm_create", DayRange))
    search_fields = ("event__subject_id__exact",)
    search_help_text = "Id of the recording"
    ordering = ("-tm_create", "-id")
    fields = (
        *("event_type", "badge", "endpoint_url", "attempts", "response_status", "error", "due_at", "delivered_at"),
        *("tm_create", "payload", "id"),
    )
    readonly_fields = fields

    @admin.display(description="event")
    def event_type(self, delivery: WebhookDelivery) -> str:
        return delivery.event.type

    @admin.display(description="state")
    def badge(self, delivery: WebhookDelivery) -> SafeString:
        return delivery_badge(delivery)

    @admin.display(description="endpoint")
    def endpoint_url(self, delivery: WebhookDelivery) -> str:
        return delivery.endpoint.url

    @admin.display(description="payload")
    def payload(self, delivery: WebhookDelivery) -> str:
        return json.dumps(delivery.event.payload, ensure_ascii=False, sort_keys=True)
