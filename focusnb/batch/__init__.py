"""The durable queue, who runs it, and the import that fills it."""
