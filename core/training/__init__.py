"""The training process: the only package that imports TensorFlow."""
