"""The state of the program and pure functions on it; knows nothing of Textual, HTTP or SQL."""
