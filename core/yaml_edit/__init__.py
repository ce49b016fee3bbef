"""Edit single values of a YAML file and leave every other byte as it is."""
