"""Image sets: where they come from, what they hold, single images out of them, and drawn digits."""
