"""Running a plan: the store, the workers, the scheduler and its progress.  Nothing here knows what a job does."""
