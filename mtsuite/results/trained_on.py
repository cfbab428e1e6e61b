"""Values of ``trained_on`` that are no direction: what planning and reporting both name."""

ALL = "all"  # trained on every direction, or not trained
OWN = "own"  # every direction by a model that was trained on it alone
START = "start"  # before the first training step, the method's surgery done: the reference of changes
