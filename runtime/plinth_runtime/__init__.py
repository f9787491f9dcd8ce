"""What runs inside a Plinth platform: the LLM gateway, and the configuration that it reads."""

__version__ = "0.1.0"
