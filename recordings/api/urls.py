"""Every address of the REST surfaces, from the root of the site."""

from recordings.api import links, schemas
from recordings.api.chats import urls as chats
from recordings.api.downloads import urls as downloads
from recordings.api.flat import urls as flat
from recordings.api.resources import urls as resources
from recordings.api.sessions import urls as sessions

urlpatterns = [
    *flat.urlpatterns,
    *resources.urlpatterns,
    *sessions.urlpatterns,
    *chats.urlpatterns,
    *downloads.urlpatterns,
    *links.urlpatterns,
    *schemas.urlpatterns,
]
