"""Tests of encryption need the extra `crypto`, which the light environments leave out."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("cryptography") else ["test_core_crypto.py"]
