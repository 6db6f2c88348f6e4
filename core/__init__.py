"""Count, train and compare small neural networks: everything behind the pages and the command line."""

from pathlib import Path

__version__ = "0.1.0"

ROOT = Path(__file__).resolve().parent.parent  # of the project: app.py, pages/ and .streamlit/ lie here
