"""Plinth's policy pack: rules as pure functions over resources.

Only `plinth_policies.sdk` knows Pulumi's policy SDK; everything else needs the standard library alone.
"""
