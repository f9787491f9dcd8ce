"""Rotates the key pairs of Snowflake's service users."""
