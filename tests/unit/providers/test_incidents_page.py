"""The examples of docs/incidents.md do as the page says."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from agentteam_operator.providers.notifications import facts_of, load_notifiers
from agentteam_operator.providers.notifications.channels import signed
from agentteam_operator.providers.notifications.config import SlackConfig, WebhookConfig

PAGE = (Path(__file__).parents[3] / "docs" / "incidents.md").read_text(encoding="utf-8")
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()
BODY, AT = b'{"type":"IncidentOpened"}', 1772417647


def example(language: str, beginning: str) -> str:
    """The page's example in a language that begins so."""
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return next(block for block in blocks if block.startswith(beginning))


def test_the_file_of_notifiers_is_read(tmp_path: Path) -> None:
    file = tmp_path / "notifiers.yaml"
    file.write_text(example("yaml", "# notifiers.yaml"))
    pager, audit, chat = load_notifiers(file)
    assert [facts.default for facts in facts_of((pager, audit, chat))] == [True, False, False]
    assert isinstance(audit, WebhookConfig)
    assert len(audit.key) == 24
    assert isinstance(chat, SlackConfig)


CHANGED: Mapping[str, Mapping[str, Any]] = {
    "as it was sent": {},
    "another body": {"body": BODY + b" "},
    "another key": {"secret": "whsec_" + base64.b64encode(bytes(24)).decode()},
    "an old one": {"now": AT + 301.0},
    "another id": {"delivery": "another"},
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_the_signature_is_checked_as_the_page_says(changed: Mapping[str, Any]) -> None:
    names: dict[str, Any] = {"base64": base64, "hashlib": hashlib, "hmac": hmac, "Mapping": Mapping}
    exec(example("python", "def is_genuine"), names)  # noqa: S102 - the repository's own page
    headers = signed("notice-1", AT, BODY, bytes(range(24)))
    if "delivery" in changed:
        headers["webhook-id"] = changed["delivery"]
    taken = names["is_genuine"](
        headers, changed.get("body", BODY), changed.get("secret", SECRET), changed.get("now", AT + 2.0)
    )
    assert taken is (not changed)
