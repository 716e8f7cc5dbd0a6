"""bench: a benchmarking and reproduction suite for learned image compression."""

__version__ = "0.2.0"
