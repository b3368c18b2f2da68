"""The hidden suite of the streaming handler."""
