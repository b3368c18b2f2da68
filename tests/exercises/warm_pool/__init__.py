"""The hidden suite of the warm pool."""
