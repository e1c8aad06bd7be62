"""Where images lie: phantoms through files and viewer, crosshair, registration, priors."""
