"""The embedded engine: SQLite files, one for each tenant."""
