"""How an emotion unfolds: over time, before the report, in hidden states and slow dimensions."""
