"""A project becomes someone else's files."""
