"""The warehouse: a typed client of Snowflake and of its emulator, Cortex, and streaming ingestion.

Each module loads its libraries itself, so that `config` stays light.
"""
