"""The pages of the schemas in a real browser: Swagger UI shows every operation and asks nothing of another origin."""

import shutil

import pytest
from django.db import connections

from recordings.api.schemas import SURFACES
from tests import builders
from tests.e2e.test_admin_browser import ARGUMENTS, Seen

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (on Debian: apt-get install chromium)"),
]


@pytest.fixture
def page(live_server, monkeypatch):
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright runs a loop in this thread
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = chromium.new_page(base_url=live_server.url)
        page.seen = Seen(page, live_server.url)
        yield page
        chromium.close()
        connections.close_all()


@pytest.mark.parametrize("surface", SURFACES)
def test_every_operation_is_shown(page, surface):
    page.goto(f"/api/docs/{surface}")
    page.wait_for_selector(".opblock")
    described = len(SURFACES[surface].operations) + len(SURFACES[surface].webhooks)
    assert page.locator(".opblock").count() == described
    assert page.locator("nav a[aria-current]").inner_text() == surface
    assert page.seen.foreign == []
    assert page.seen.trouble == []


def test_a_request_is_tried_with_a_key(page, cast):
    recording = builders.ended_recording(builders.make_call(cast.workspace), builders.tone(4_000))
    page.goto("/api/docs/flat")
    page.click("button.authorize")
    page.fill(".auth-container input", cast.owner_key)
    page.click(".auth-btn-wrapper button[type=submit]")
    page.click(".auth-btn-wrapper button.btn-done")
    page.click("#operations-recordings-listRecordings .opblock-summary-control")
    page.click("#operations-recordings-listRecordings .try-out__btn")
    page.click("#operations-recordings-listRecordings button.execute")
    page.wait_for_selector(".live-responses-table .response")
    shown = page.locator(".live-responses-table .response").first.inner_text()
    assert "200" in shown
    assert str(recording.id) in shown
    assert page.seen.foreign == []
    assert page.seen.trouble == []
