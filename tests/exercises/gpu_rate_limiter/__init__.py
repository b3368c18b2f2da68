"""The hidden suite of the GPU rate limiter."""
