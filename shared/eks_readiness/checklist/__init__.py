"""The 47-item checklist: its items, its checks, and the engine that judges evidence by them. Pure."""
