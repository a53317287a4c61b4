"""The planner in the browser and its JSON interface: a server of this machine's own, which only its opener may use."""
