"""The suite's own COMET: tiny, trained on the microworld, offline.  ``checkpoint/`` is what ships."""
