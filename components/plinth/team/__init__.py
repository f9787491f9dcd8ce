"""What a product team adds to a running platform, from a stack of its own."""
