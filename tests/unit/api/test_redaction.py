from __future__ import annotations

import pytest
from agentteam_operator.api.redaction import without_secrets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]", id="bearer"),
        pytest.param(
            "Incorrect API key provided: sk-proj-0123456789", "Incorrect API key provided: [redacted]", id="key"
        ),
        pytest.param("OPENAI_API_KEY=abcdef, next", "OPENAI_API_KEY=[redacted], next", id="variable"),
        pytest.param('{"password": "hunter2"}', '{"password": [redacted]', id="json"),
        pytest.param("?token=abc&page=2", "?token=[redacted]&page=2", id="query"),
        pytest.param("postgres://me:hunter2@db/x", "postgres://me:[redacted]@db/x", id="url"),
        pytest.param("http://10.0.0.1:8000/health failed", "http://10.0.0.1:8000/health failed", id="url-with-port"),
        pytest.param('secret "llm" not found', 'secret "llm" not found', id="a-secrets-name-is-no-secret"),
        pytest.param("ValueError: no\n  at line 3", "ValueError: no\n  at line 3", id="nothing"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(text: str, expected: str) -> None:
    assert without_secrets(text) == expected
