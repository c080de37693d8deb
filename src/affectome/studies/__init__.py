"""The experiments end to end, a folder each: its parts, its report and its figures."""
