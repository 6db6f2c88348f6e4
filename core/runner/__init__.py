"""The queue and its supervision: what trains next, on which backend, and who may ask for it."""
