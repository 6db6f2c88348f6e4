"""The finder: how few weights reach a target, found with as few runs as the noise of seeds allows."""
