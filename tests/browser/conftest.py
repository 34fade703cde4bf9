"""A real Chromium before a real server. Where no Chromium is found the tests are skipped, saying how to get one."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.fleet import Fleet

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
]
PASSWORD = "a-long-phrase-for-tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One browser at a time: it is the heaviest thing here."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


def chromium() -> str | None:
    """Where a Chromium is: TASK_TEST_CHROMIUM, or one of the usual names."""
    return os.environ.get("TASK_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    where = chromium()
    if where is None:
        pytest.skip("no Chromium found: install one (apt-get install chromium) or name it in TASK_TEST_CHROMIUM")
    # Playwright keeps an event loop in this thread as long as it lives, and Django refuses its ORM beside one.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=where, args=QUIET)
        yield started
        started.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
    else:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before


class Window:
    """A person at the admin: the page, and what the browser complained about."""

    def __init__(self, page: Page, site: str) -> None:
        self.page = page
        self.site = site
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: self.asked.append(request.url))

    def go(self, path: str) -> None:
        answer = self.page.goto(self.site + path)
        assert answer is not None and answer.status == 200, (path, answer and answer.status)

    def log_in(self, name: str) -> None:
        self.go("/admin/")
        self.page.fill("#id_username", name)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("#login-form button[type=submit]")
        self.page.wait_for_url(self.site + "/admin/")


@pytest.fixture
def boss(transactional_db: None) -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.fixture
def window(browser: Browser, live_server: Any, boss: User) -> Iterator[Callable[..., Window]]:
    """window(width=1440, theme="light"): a logged in browser window."""
    cache.clear()
    contexts: list[BrowserContext] = []

    def make(*, width: int = 1440, theme: Any = "light") -> Window:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        opened = Window(context.new_page(), live_server.url)
        opened.log_in("boss")
        return opened

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def fleet(transactional_db: None, tmp_path: Path) -> Iterator[Fleet]:
    """A worker that really runs what is started in the browser."""
    with redis.Redis.from_url(settings.ENV.broker_url) as broker:
        broker.flushdb()
    found = Fleet(tmp_path)
    found.worker()
    yield found
    found.end()
