import parts_that_are_missing  # noqa: F401
