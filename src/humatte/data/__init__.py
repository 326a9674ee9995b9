"""Preparing and reading training data. Works without PyTorch."""
