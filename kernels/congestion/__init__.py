"""Congestion controls, one a file; the table dispatches."""
