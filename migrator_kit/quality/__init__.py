"""Data quality: rules declared as data, run on any stage of the way, judged apart from the run."""
