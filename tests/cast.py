"""The people of the tests: an owner and a colleague's app in one workspace, and a stranger in another."""

from datetime import timedelta

from django.contrib.auth.models import User

from workspaces.audit import SYSTEM
from workspaces.clock import now
from workspaces.keys import mint_api_key, revoke
from workspaces.models import App, Member, Role, Workspace


class Cast:
    """`…_key` are keys in the raw; nobody has a password (sign in with `client.force_login`)."""

    def __init__(self) -> None:
        self.workspace = Workspace.objects.create(name="Harbour Clinic", slug="harbour-clinic")
        self.other_workspace = Workspace.objects.create(name="Stranger Ltd", slug="stranger")
        self.app = App.objects.create(workspace=self.workspace, app_id="clinic-desk")
        self.other_app = App.objects.create(workspace=self.workspace, app_id="clinic-billing")
        self.stranger_app = App.objects.create(workspace=self.other_workspace, app_id="stranger-app")

        self.superuser = User.objects.create_superuser("root")
        self.staff, self.staff_member = self.person("sam", role=Role.SUPERVISOR)
        self.stranger_staff, self.stranger_member = self.person(
            "stan", role=Role.SUPERVISOR, workspace=self.other_workspace
        )

        self.owner_key = self.key("all", app=self.app)
        self.scopeless_key = self.key("chats:read", app=self.app)
        self.other_app_key = self.key("all", app=self.other_app)
        self.stranger_key = self.key("all", app=self.stranger_app)
        revoked, self.revoked_key = mint_api_key(self.workspace, scopes=["all"], app=self.app)
        revoke(revoked, actor=SYSTEM)
        _, self.expired_key = mint_api_key(
            self.workspace, scopes=["all"], app=self.app, expires_at=now() - timedelta(minutes=1)
        )

    def key(self, *scopes: str, app: App | None = None, member: Member | None = None) -> str:
        """One more key, in the raw, of the workspace that its app or member belongs to."""
        owner = app or member
        return mint_api_key(owner.workspace if owner else self.workspace, scopes=scopes, app=app, member=member)[1]

    def person(self, username: str, *, role: Role, workspace: Workspace | None = None) -> tuple[User, Member]:
        """One more staff user, a member of the workspace (else the cast's own)."""
        user = User.objects.create_user(username, is_staff=True)
        return user, Member.objects.create(workspace=workspace or self.workspace, user=user, role=role)
