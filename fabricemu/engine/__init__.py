"""Program and network in, finished messages out."""
