"""Several modalities in one model, trained with modalities dropped, so that any may be missing."""
