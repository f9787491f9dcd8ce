"""The virtual network."""
