"""Every word that a user reads: data in, text out. No I/O, no decisions."""
