"""The command line: the verbs of the pages, for a machine without a browser."""
