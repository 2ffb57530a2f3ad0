"""ortui: a keyboard-driven terminal client for OpenRouter."""

__version__ = "0.1.0"
