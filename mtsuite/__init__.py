"""mtsuite: a comparison bench for adapting large language models to multilingual translation."""

__version__ = "0.2.0"
