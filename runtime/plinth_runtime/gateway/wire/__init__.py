"""HTTP/1.1 on both sides of the gateway, on asyncio protocols over httptools (llhttp): nothing here knows of models."""
