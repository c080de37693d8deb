"""Figures and self-contained HTML from results."""
