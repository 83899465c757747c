"""The training job: a table of measurements in, a release in the BentoML model store out."""
