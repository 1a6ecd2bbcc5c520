"""How a switch chooses among the ports that lead to an address."""
