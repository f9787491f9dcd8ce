"""Stores with a schema or a protocol: PostgreSQL, the cache and the vector store. JSON facts lie beside them."""
