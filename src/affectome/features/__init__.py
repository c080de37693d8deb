"""Media and signals to Recordings: spectra, covariance, connectivity, windows."""
