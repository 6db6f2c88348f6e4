"""What a run is, and the SQLite file that keeps it; sweeps, what they cost, and the reference results."""
