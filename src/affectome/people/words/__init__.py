"""Reading words: what makes a text readable, the network, and models of a user's own texts."""
