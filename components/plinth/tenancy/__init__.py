"""Tenants: the product teams on the platform."""
