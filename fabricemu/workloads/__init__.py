"""Traces, generated workloads and collectives, as programs."""
