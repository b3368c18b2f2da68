"""The hidden suite of the layer cache."""
