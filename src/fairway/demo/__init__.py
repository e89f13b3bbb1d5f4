"""The demo: a chat, and the layer that carries it at work. See ``docs/demo.md``."""
