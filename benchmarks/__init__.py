"""Fairway beside its peers: what each does in a second, in the same run."""
