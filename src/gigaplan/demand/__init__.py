"""Demand: users, then requests, then tokens by kind, hour by hour of representative days."""
