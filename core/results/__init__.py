"""What runs mean: turning points, intervals, sentences, tables, and trained networks put to work."""
