"""Keys, identities and secrets."""
