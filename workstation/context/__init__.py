"""Clinical context from outside the images: FHIR, scores, genomics."""
