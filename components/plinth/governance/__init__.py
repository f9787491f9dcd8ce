"""What governs data on the platform: contracts, erasure, retention and their proofs."""
