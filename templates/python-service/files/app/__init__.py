"""{$ service $}: {$ description $}."""
