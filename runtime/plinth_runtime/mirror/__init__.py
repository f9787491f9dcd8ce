"""Copies a public model's weights from a hub into the bucket that model servers load them from."""
