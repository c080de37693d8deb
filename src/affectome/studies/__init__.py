"""The experiments end to end, one file each."""
