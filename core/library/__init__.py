"""Changes to the voices of a workspace that concern the store and the files of their variants."""
