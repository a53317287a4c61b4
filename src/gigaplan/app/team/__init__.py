"""The planner for a team: users with tokens and roles, private and shared plans with their history, an audit."""
