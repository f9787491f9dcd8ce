"""Rehearsal: the real Pulumi engine on stand-in providers, with no cloud account."""
