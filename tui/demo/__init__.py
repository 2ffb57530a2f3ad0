"""The embedded server: a program of its own that speaks OpenRouter's protocol on a loopback port.

`python -m tui.demo` runs it; `launch.DemoProcess` starts it as a child. Model ids, context lengths and prices are
real (see `catalogue.json`), everything else that it says is invented, the same for the same seed.
"""
