"""An OpenAI-compatible model that answers, streams, delays and fails as the model's name says.

It stands in for a model provider in demos and tests, so that what a version of a team suffers from is written in its
own manifest: ``model: scripted-fail-50`` fails half of its calls. ``python -m tests.model_endpoint`` serves it.
"""
