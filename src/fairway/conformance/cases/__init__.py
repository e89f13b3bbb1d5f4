"""The cases, a module for each subject. `fairway.conformance.all_cases` lists them."""
