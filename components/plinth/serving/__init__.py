"""Model servers: vLLM on the GPU pools, and the development model server."""
