"""Ready-made tasks, one TOML file a family."""
