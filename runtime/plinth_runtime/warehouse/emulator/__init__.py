"""Snowflake's protocol over DuckDB, for the laptop and for tests. Never for production: it has no access control."""
