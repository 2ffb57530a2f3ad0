"""One module a screen: what it is made of, its keys, what it shows."""
