"""Measurements, run by hand: `python -m benchmarks.training`, `python -m benchmarks.pages`."""
