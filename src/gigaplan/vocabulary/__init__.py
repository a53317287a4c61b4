"""The words that every room shares: units, bases, time, facts, variables, members, random streams, errors."""
