"""Parts of the Inspect page: the choice of networks, their weights, their maps, their errors."""
