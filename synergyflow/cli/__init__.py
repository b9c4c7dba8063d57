"""The command line: requests in, views out. Everything it knows it asks of the rooms below; nothing imports it."""
