"""Vectors on any engine: one typed store.

`config` says where the vectors are (light, for Pulumi programs too); `store` says what a store does.
"""
