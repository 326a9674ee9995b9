"""humatte."""
