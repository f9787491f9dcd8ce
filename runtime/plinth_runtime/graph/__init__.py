"""The knowledge graph: where it is, and how it is asked."""
