"""Bodies: how much, how far and how smoothly they move; which emotion, only by a model of own."""
