"""A training step on tiles: a few images, one in each SIMD lane, go through the whole network within the caches.

Machine code is generated for each network: :mod:`plan` writes it, :mod:`machine` has LLVM translate it.
"""
