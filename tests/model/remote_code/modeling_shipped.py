"""A decoder with Baichuan2's traits: one map for q, k and v, a gated block and an output layer of its own."""

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .configuration_shipped import ShippedConfig


class GatedBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.act_fn = nn.SiLU()

    def forward(self, x):
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


class PackedAttention(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.heads, self.layer_idx = config.num_attention_heads, layer_idx
        self.W_pack = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, x, bias, past):
        rows, length, width = x.shape
        q, k, v = self.W_pack(x).view(rows, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = past.update(k, v, self.layer_idx)
        y = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        return self.o_proj(y.transpose(1, 2).reshape(rows, length, width))


class ShippedLayer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.self_attn = PackedAttention(config, layer_idx)
        self.mlp = GatedBlock(config)
        self.input_layernorm = nn.LayerNorm(config.hidden_size)
        self.post_attention_layernorm = nn.LayerNorm(config.hidden_size)

    def forward(self, x, bias, past):
        x = x + self.self_attn(self.input_layernorm(x), bias, past)
        return x + self.mlp(self.post_attention_layernorm(x))


class NormHead(nn.Module):
    def __init__(self, hidden, vocabulary):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary, hidden))

    def forward(self, x):
        return nn.functional.linear(x, nn.functional.normalize(self.weight))


class ShippedPreTrainedModel(PreTrainedModel):
    config_class = ShippedConfig
    base_model_prefix = "model"

    def _init_weights(self, module):
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.data.normal_(std=0.2)


class ShippedModel(ShippedPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([ShippedLayer(config, i) for i in range(config.num_hidden_layers)])
        self.norm = nn.LayerNorm(config.hidden_size)
        self.post_init()

    def get_input_embeddings(self):
        return self.embed_tokens

    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, **_):
        past = past_key_values if use_cache is not False else None
        seen = past.get_seq_length() if past is not None else 0
        length = seen + input_ids.shape[1]
        if attention_mask is None:
            attention_mask = input_ids.new_ones(len(input_ids), length)
        # Positions are distances (ALiBi): what is padded on the left moves nothing.
        behind = torch.arange(seen, length).unsqueeze(1) - torch.arange(length)
        bias = torch.where(behind < 0, torch.finfo(torch.float32).min, -0.5 * behind)
        bias = bias + (1.0 - attention_mask.float())[:, None, None, :] * -1e9
        x = self.embed_tokens(input_ids)
        for layer in self.layers:
            x = layer(x, bias.clamp_min(-1e9), past)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x), past_key_values=past)


class ShippedForCausalLM(ShippedPreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = ShippedModel(config)
        self.lm_head = NormHead(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def get_output_embeddings(self):
        return self.lm_head

    def forward(self, input_ids, attention_mask=None, past_key_values=None, use_cache=None, labels=None, **_):
        output = self.model(input_ids, attention_mask, past_key_values, use_cache)
        logits = self.lm_head(output.last_hidden_state)
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutputWithPast(loss=loss, logits=logits, past_key_values=output.past_key_values)
