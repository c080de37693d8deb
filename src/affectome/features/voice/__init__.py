"""Voices to features."""
