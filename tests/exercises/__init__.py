"""The hidden suites, a package each, and what they share."""
