"""A deterministic OpenAI-compatible server for development and tests. It is no language model, and says so."""
