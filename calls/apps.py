from django.apps import AppConfig
from django.core import checks as registry


class CallsConfig(AppConfig):
    name = "calls"
    verbose_name = "Calls"

    def ready(self) -> None:
        from calls import checks  # noqa: PLC0415 - models are not loaded before this

        registry.register(checks.commands_have_handlers)
        registry.register(checks.actions_have_handlers)
        registry.register(checks.sessions_style_is_registered)
