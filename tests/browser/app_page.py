"""The application in a page: its controls and the message beside its button."""

from __future__ import annotations

READY = "() => document.querySelector('.liq-app-panels')?.dataset.ready === 'true'"


def said(session, text: str) -> None:
    """Wait until this text is shown beside the button."""
    session.page.locator(".liq-app-said", has_text=text).wait_for(timeout=30_000)


def choose(session, source: str) -> None:
    session.page.locator(".liq-app-source").get_by_role("button", name=source, exact=True).click()


def fill(session, name: str, text: str) -> None:
    box = session.page.locator(f".liq-app-{name} input")
    box.fill(text)
    box.press("Tab")


def load(session) -> None:
    session.page.get_by_role("button", name="Load", exact=True).click()
