"""The generic server that runs any AgentTeam."""
