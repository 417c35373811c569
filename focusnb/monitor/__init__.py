"""A project becomes a feed: numbers and small pictures for the pages, and nothing else."""
