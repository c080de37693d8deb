"""The studio: readings, runs and a live picture in the browser, and the same over HTTP."""
