"""What a network is: kinds of layers, networks, families; counted, computed and timed in NumPy."""
