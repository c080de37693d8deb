"""Faces: found, judged fit to be read or not, and the expression that others would see in them."""
