"""GPUs outside AWS: instances of Lambda Cloud, and any endpoint that speaks OpenAI's API."""
