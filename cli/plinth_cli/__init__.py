"""The `plinth` command: bring up, preview, rehearse and inspect the platform."""
