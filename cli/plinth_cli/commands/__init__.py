"""What the subcommands do; `main` only parses the command line. Imported one by one, when needed."""
