"""The UEC transport: reliable unordered delivery, and credit from receivers (section 8)."""
