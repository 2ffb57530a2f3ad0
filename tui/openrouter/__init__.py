"""The OpenRouter protocol: HTTP client, server-sent events, typed messages, errors, cleaning of foreign text."""
