"""Arrays and tables become small PNG pictures."""
