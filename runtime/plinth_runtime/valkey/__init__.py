"""The cache: where it is, and how to sign in."""
