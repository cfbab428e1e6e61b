"""Real pretrained models without a hub: import from GGUF, cut the vocabulary, describe."""
