"""The embedded server: a program of its own that speaks OpenRouter's protocol on a loopback port."""
