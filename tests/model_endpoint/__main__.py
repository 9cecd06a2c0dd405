"""Serve the scripted model: ``python -m tests.model_endpoint [--host 127.0.0.1] [--port 8080]``."""

from __future__ import annotations

import argparse
import os
import sys

from aiohttp import web

from .server import ModelEndpoint


def main() -> int:
    """Serve until SIGTERM or SIGINT; settings come from the command line, else from the environment."""
    parser = argparse.ArgumentParser(prog="model_endpoint", description="An OpenAI-compatible model by script.")
    parser.add_argument("--host", default=os.environ.get("MODEL_ENDPOINT_HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=int(os.environ.get("MODEL_ENDPOINT_PORT", "8080")))
    parser.add_argument(
        "--api-key", default=os.environ.get("MODEL_ENDPOINT_API_KEY", ""), help="default: none is asked for"
    )
    options = parser.parse_args()
    endpoint = ModelEndpoint(api_key=options.api_key)
    web.run_app(
        endpoint.application(),
        host=options.host,
        port=options.port,
        access_log=None,
        shutdown_timeout=2.0,
        # A caller that gives up on a hanging call must not leave its handler behind.
        handler_cancellation=True,
        # Closing idle connections is the client's part: its pool must never find one closed under its next call.
        keepalive_timeout=300.0,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
