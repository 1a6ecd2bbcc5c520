"""The reliable connection of RoCE: sender, receiver and notification point (sections 3, 7)."""
