"""Scripts that make the models that are shipped."""
