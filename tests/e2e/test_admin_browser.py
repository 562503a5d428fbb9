"""The admin in a real browser: sign in, find a recording, hear it, jump in it; nothing but our own origin is asked."""

import shutil
import wave
from pathlib import Path

import pytest
from django.db import connections

from tests import builders

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (on Debian: apt-get install chromium)"),
]
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
]
DEMO = Path(__file__).parents[2] / "recordings" / "demo"
PASSWORD = "a password of the test run"


def speech(name):
    with wave.open(str(DEMO / f"{name}.wav")) as source:
        return source.readframes(source.getnframes())


@pytest.fixture(autouse=True)
def synchronous(monkeypatch):
    """Playwright runs a loop in this thread, in which Django refuses its ORM unless told otherwise."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


@pytest.fixture
def recording(cast, settings, tmp_path):
    from recordings import storage

    settings.STORAGE_ROOT = tmp_path / "files"
    storage.store.cache_clear()
    caller, agent = speech("customer"), speech("agent")
    length = max(len(caller), len(agent))
    call = builders.make_call(cast.workspace, from_number="+44 7700 900142", to_number="+1 202 555 0117")
    yield builders.ended_recording(call, caller.ljust(length, b"\0"), agent.ljust(length, b"\0"))
    storage.store.cache_clear()


class Seen:
    """What a page asked for and complained about."""

    def __init__(self, page, origin):
        self.replies, self.foreign, self.trouble = [], [], []
        page.on("response", lambda reply: self.replies.append((reply.url, reply.status, reply.request.headers)))
        page.on("request", lambda request: self._asked(request.url, origin))
        page.on("console", lambda message: message.type == "error" and self.trouble.append(message.text))
        page.on("pageerror", lambda error: self.trouble.append(str(error)))

    def _asked(self, url, origin):
        if not url.startswith((origin, "data:", "blob:")):
            self.foreign.append(url)

    def audio(self):
        return [(status, headers.get("range")) for url, status, headers in self.replies if url.endswith("/audio.wav")]


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()
        connections.close_all()  # those of Playwright's loop: Django keeps them apart from the thread's own


@pytest.fixture
def page(browser, cast, live_server):
    """Signed in as the supervisor, as a person would."""
    cast.staff.set_password(PASSWORD)
    cast.staff.save()
    context = browser.new_context(
        viewport={"width": 1440, "height": 1000}, permissions=["clipboard-read", "clipboard-write"]
    )
    page = context.new_page()
    page.seen = Seen(page, live_server.url)
    page.goto(f"{live_server.url}/admin/")
    page.fill("[name=username]", "sam")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/admin/")
    yield page
    context.close()


def now_playing(page):
    return page.evaluate("document.querySelector('[data-audio]').currentTime")


def wait_until(page, condition):
    page.wait_for_function(f"() => {{ const audio = document.querySelector('[data-audio]'); return {condition}; }}")


def test_find_open_play_and_jump(page, recording):
    page.click("text=Recordings")
    page.click("text=+44 7700 900142")
    page.wait_for_selector("[data-player]")
    page.wait_for_load_state()  # a press before the script has come does nothing
    assert page.seen.audio() == []  # a page that is opened is not a listen

    page.click("[data-play]")
    wait_until(page, "audio.currentTime > 0.4 && !audio.paused")
    assert page.get_attribute("[data-play]", "aria-label") == "Pause"

    before = len(page.seen.audio())
    slider = page.locator("[data-slider]")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    length = recording.duration_ms / 1000
    wait_until(page, f"audio.currentTime > {length * 0.79} && audio.currentTime < {length * 0.95} && !audio.seeking")
    assert (slider.get_attribute("aria-valuetext") or "").endswith(f"of {int(length)} seconds")
    jumps = [status for status, asked in page.seen.audio()[before:] if asked and asked != "bytes=0-"]
    assert all(status == 206 for status in jumps)
    assert {status for status, _ in page.seen.audio()} == {206}

    page.click("[data-play]")
    wait_until(page, "audio.paused")
    assert page.seen.foreign == []
    assert page.seen.trouble == []


def test_the_keys(page, recording, live_server):
    page.goto(f"{live_server.url}/admin/recordings/recording/{recording.pk}/change/")
    page.keyboard.press("Space")
    wait_until(page, "audio.currentTime > 0.1 && !audio.paused")
    page.keyboard.press("Space")
    wait_until(page, "audio.paused")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    wait_until(page, "Math.abs(audio.currentTime - 5) < 0.1")
    page.keyboard.press("Shift+ArrowRight")
    wait_until(page, "Math.abs(audio.currentTime - 15) < 0.1")
    page.keyboard.press("ArrowLeft")
    wait_until(page, "Math.abs(audio.currentTime - 10) < 0.1")
    page.keyboard.press("Shift+Period")
    wait_until(page, "audio.playbackRate === 1.25")
    assert page.get_attribute("[data-speed='1.25']", "aria-checked") == "true"
    page.keyboard.press("End")
    wait_until(page, f"audio.currentTime > {recording.duration_ms / 1000 - 0.2}")


def test_a_jump_before_the_first_press_is_where_it_starts(page, recording, live_server):
    page.goto(f"{live_server.url}/admin/recordings/recording/{recording.pk}/change/")
    page.click("[data-skip='10']")
    assert page.inner_text("[data-now]") == "0:10"
    assert page.seen.audio() == []
    page.click("[data-play]")
    wait_until(page, "audio.currentTime >= 10 && !audio.paused")
    assert now_playing(page) < 15


def test_copying_a_link(page, recording, live_server):
    page.goto(f"{live_server.url}/admin/recordings/recording/{recording.pk}/change/")
    page.click("text=Copy link (1 h)")
    page.wait_for_selector("text=Copied, good for 1 h")
    assert "/links/" in page.evaluate("navigator.clipboard.readText()")


def test_sound_that_fails_says_so_and_comes_back_where_it_was(page, recording, live_server):
    page.goto(f"{live_server.url}/admin/recordings/recording/{recording.pk}/change/")
    page.route("**/audio.wav", lambda route: route.fulfill(status=503))
    page.click("[data-skip='10']")
    page.click("[data-play]")
    page.wait_for_selector("text=The sound could not be loaded")
    page.unroute("**/audio.wav")
    page.click("text=Try again")
    wait_until(page, "audio.currentTime >= 10 && !audio.paused")
    assert not page.is_visible("[data-failure]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_scrolls_sideways_on_a_phone(browser, page, recording, live_server, scheme):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    for path in ["", f"{recording.pk}/change/"]:
        page.goto(f"{live_server.url}/admin/recordings/recording/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.seen.foreign == []
