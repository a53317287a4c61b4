"""The schema of a team's database, step by step."""
