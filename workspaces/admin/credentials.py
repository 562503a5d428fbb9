"""API keys and stream keys: minted here, shown once, revoked for good, never deleted.

The raw key is in the reply to the form that made it and nowhere else: no session, no message, no redirect keeps it.
"""

from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from workspaces import keys
from workspaces.admin.base import StaffAdmin, actor_of, not_found
from workspaces.clock import now
from workspaces.models import ApiKey, Credential, StreamKey
from workspaces.rights import Right
from workspaces.scopes import Scope

C = TypeVar("C", bound=Credential)
BADGE = '<span class="td-badge td-{}"><span class="material-symbols-outlined" aria-hidden="true">{}</span>{}</span>'


class ApiKeyForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted when it runs
    scopes = forms.MultipleChoiceField(
        choices=[(str(scope), str(scope)) for scope in Scope], widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = ("workspace", "name", "scopes", "app", "member", "expires_at")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("app", "member"):
            owner = cleaned.get(name)
            if owner is not None and owner.workspace_id != getattr(cleaned.get("workspace"), "pk", None):
                self.add_error(name, ValidationError("This belongs to another workspace than the key."))
        if cleaned.get("expires_at") and cleaned["expires_at"] <= now():
            self.add_error("expires_at", ValidationError("This moment has passed."))
        return cleaned


class CredentialAdmin(StaffAdmin, Generic[C]):
    """What both kinds of key share. `mint` makes the key and answers with what is shown once."""

    view_right = add_right = Right.KEYS
    list_select_related: ClassVar[Any] = ("workspace",)
    search_fields = ("name", "prefix")
    ordering = ("-tm_create", "-id")
    autocomplete_fields: ClassVar[Any] = ("workspace",)
    actions = ("revoke_selected",)
    list_display_links: Any = ("shortened",)
    change_form_outer_before_template: Any = "admin/workspaces/revoke.html"
    kind: ClassVar[str]
    chosen: ClassVar[tuple[str, ...]] = ("workspace", "name")
    """What whoever makes a key decides."""
    facts: ClassVar[tuple[str, ...]] = chosen
    """The same, as its page shows it."""

    def mint(self, form: Any) -> tuple[C, str]:
        raise NotImplementedError

    @admin.display(description="key")
    def shortened(self, key: C) -> SafeString:
        return format_html("<code>{}_{}_…</code>", self.kind, key.prefix)

    @admin.display(description="state")
    def state(self, key: C) -> SafeString:
        word, tone, icon = "Active", "ended", "check"
        if key.revoked_at is not None:
            word, tone, icon = "Revoked", "deleted", "block"
        elif key.expires_at is not None and key.expires_at <= now():
            word, tone, icon = "Expired", "none", "schedule"
        return format_html(BADGE, tone, icon, word)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's shape
        kept = ("last_used_at", "revoked_at", "tm_create", "id")
        return self.chosen if obj is None else ("shortened", "state", *self.facts, *kept)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """One button: what is shown once leaves no room for saving and going on."""
        context |= {"show_save_and_add_another": False, "show_save_and_continue": False}
        return super().render_change_form(request, context, *args, **kwargs)

    # --- Minting -------------------------------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001 - Django's shape
        made, raw = self.mint(form)
        obj.__dict__.update({name: value for name, value in made.__dict__.items() if name != "_state"})
        obj._state.adding = False  # noqa: SLF001 - Django's name for it
        request.minted_once = raw  # type: ignore[attr-defined]  # lives as long as this request
        self.record(request, "create", obj, prefix=made.prefix, name=made.name)

    def response_add(self, request: HttpRequest, obj: C, post_url_continue: str | None = None) -> HttpResponse:  # noqa: ARG002 - Django's shape
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{self.opts.verbose_name} {obj}",
            "raw": request.minted_once,  # type: ignore[attr-defined]  # set by save_model
            "explanation": self.explanation,
            "key": obj,
            "page_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[obj.pk]),
        }
        return TemplateResponse(request, "admin/workspaces/shown_once.html", context)

    explanation: ClassVar[str]

    # --- Revoking ------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.revoke_view))
        name = f"{self.opts.app_label}_{self.opts.model_name}_revoke"
        urls: list[URLPattern] = super().get_urls()
        return [path("<uuid:object_id>/revoke/", view, name=name), *urls]

    def revoke_view(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        key = self.get_object(request, str(object_id))
        if key is None or not self.may(request, Right.KEYS, key):
            return not_found(self, request, object_id=str(object_id))
        self._revoke(request, [key])
        return HttpResponseRedirect(
            reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[key.pk])
        )

    @admin.action(description="Revoke the selected keys")
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[C]) -> None:
        self._revoke(request, [key for key in queryset if self.may(request, Right.KEYS, key)])

    def _revoke(self, request: HttpRequest, chosen: list[C]) -> None:
        count = sum(keys.revoke(key, actor=actor_of(request)) for key in chosen)
        if count:
            self.message_user(request, f"Revoked {count}: refused from now on, for good.", messages.SUCCESS)
        else:
            self.message_user(request, "Nothing to revoke: it was revoked before.", messages.WARNING)


@admin.register(ApiKey)
class ApiKeyAdmin(CredentialAdmin[ApiKey]):
    kind = keys.API_KIND
    form = ApiKeyForm
    chosen = ("workspace", "name", "scopes", "app", "member", "expires_at")
    facts = ("workspace", "name", "granted", "app", "member", "expires_at")
    explanation = "It goes into the header that the called surface names for its key."
    list_display = ("name", "shortened", "state", "workspace", "app", "last_used_at", "expires_at")
    list_select_related = ("workspace", "app")
    autocomplete_fields = ("workspace", "app", "member")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's shape
        chosen = ("workspace", "name", "scopes", "app", "member", "expires_at")
        return (
            chosen if obj is None else ("shortened", "state", *chosen, "last_used_at", "revoked_at", "tm_create", "id")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(description="scopes")
    def granted(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    def mint(self, form: Any) -> tuple[ApiKey, str]:
        chosen = {name: form.cleaned_data[name] for name in ("scopes", "name", "app", "member", "expires_at")}
        return keys.mint_api_key(form.cleaned_data["workspace"], **chosen)


@admin.register(StreamKey)
class StreamKeyAdmin(CredentialAdmin[StreamKey]):
    kind = keys.STREAM_KIND
    explanation = "Point a telephony engine at this address: whatever it streams gets a call and a recording."
    list_display = ("name", "shortened", "state", "workspace", "last_used_at")

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:  # noqa: ARG002 - Django's shape
        chosen = ("workspace", "name")
        return (
            chosen if obj is None else ("shortened", "state", *chosen, "last_used_at", "revoked_at", "tm_create", "id")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    def mint(self, form: Any) -> tuple[StreamKey, str]:
        key, raw = keys.mint_stream_key(form.cleaned_data["workspace"], name=form.cleaned_data["name"])
        return key, keys.stream_address(raw)
