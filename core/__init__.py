"""Count, train and compare small neural networks: everything behind the pages and the command line."""

__version__ = "0.1.0"
