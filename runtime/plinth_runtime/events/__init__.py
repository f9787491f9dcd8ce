"""Events between teams: published once, delivered at least once, handled once."""
