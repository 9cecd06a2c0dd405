"""The AgentTeam resource: models, validation, revision identity, CRD generation."""
