"""Benchmarks of the emulator's own speed."""
