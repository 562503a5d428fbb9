from django.apps import AppConfig
from django.core.checks import Tags, register

from workspaces import checks


class WorkspacesConfig(AppConfig):
    name = "workspaces"
    verbose_name = "Access"

    def ready(self) -> None:
        register(checks.addresses_fit, Tags.security)
