"""The scheduled fabric: leaves with virtual output queues, credits and cells (docs/ddc.md)."""
