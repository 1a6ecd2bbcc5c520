"""Paths chosen by the NIC: how the entropy of each data packet is found (section 9)."""
