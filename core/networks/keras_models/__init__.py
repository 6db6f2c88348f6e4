"""Keras models as lines of text: their configuration is read, and nothing of them is executed."""
