"""A table in, an Altair chart out."""
