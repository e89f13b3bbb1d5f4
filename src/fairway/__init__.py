"""Fairway: channel layers, interface servers and workers."""
