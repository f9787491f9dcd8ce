"""Plinth: an enterprise AI platform as typed Pulumi components."""
