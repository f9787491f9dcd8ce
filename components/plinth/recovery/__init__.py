"""The second region: what stands ready there, and how it takes over."""
