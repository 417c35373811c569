"""A microscope for people without one: movies with known truth."""
