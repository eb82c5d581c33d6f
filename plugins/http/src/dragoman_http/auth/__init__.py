"""Who signs a target's calls: one authorizer for each kind of ``connection.auth``."""
