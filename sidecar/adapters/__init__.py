"""The outside world: files, the network, the database. Whatever it throws is translated here."""
