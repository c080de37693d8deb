"""Arrays in, arrays out: the arithmetic of the house, each piece held against an oracle."""
