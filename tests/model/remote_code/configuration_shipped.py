"""The configuration of a model that brings its own code, as Baichuan2 does."""

from transformers import PretrainedConfig


class ShippedConfig(PretrainedConfig):
    model_type = "shipped"

    def __init__(
        self,
        vocab_size=320,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        model_max_length=128,
        **others,
    ):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.model_max_length = model_max_length
        super().__init__(**{"tie_word_embeddings": False, **others})
