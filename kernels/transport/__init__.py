"""Reliability between NICs: RoCE's connections, and Ultra Ethernet's packet delivery."""
