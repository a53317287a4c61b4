"""Power: facility, IT, rack and GPU kept apart; drawn against rated; energy and what it costs."""
