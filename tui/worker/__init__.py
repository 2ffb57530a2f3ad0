"""The one background worker: commands in, events out."""
