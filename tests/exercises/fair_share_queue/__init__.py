"""The hidden suite of fair_share_queue."""
