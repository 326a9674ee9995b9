"""Training and export: the only part of humatte that imports PyTorch."""
