"""Faces over time: away from neutral, towards prototypes, and which neurons follow."""
