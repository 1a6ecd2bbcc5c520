"""How a NIC chooses the entropy of each packet; the table dispatches."""
