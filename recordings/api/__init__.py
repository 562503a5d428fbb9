"""The REST surfaces: one package per dialect, and the kit they share."""


def ready() -> None:
    """Tell the outbox how the dialects write webhooks; called once the apps are loaded."""
    from calls import outbox  # noqa: PLC0415 - models are not loaded before this
    from calls.models import WebhookStyle  # noqa: PLC0415 - as above
    from recordings.api.resources.wire import recordings as resources  # noqa: PLC0415 - as above
    from recordings.api.sessions import wire as sessions  # noqa: PLC0415 - as above

    outbox.register_style(WebhookStyle.SESSIONS, sessions.STYLE)
    outbox.register_style(WebhookStyle.RESOURCES, resources.STYLE)
