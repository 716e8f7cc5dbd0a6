"""bench: a benchmarking and reproduction suite for learned image compression."""

__version__ = "0.1.0"
