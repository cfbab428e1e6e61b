"""Executors: where the jobs of a run are made when that is not this machine."""
