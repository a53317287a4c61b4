"""A plan's day, request by request: its whole fleet, replica class by replica class."""
