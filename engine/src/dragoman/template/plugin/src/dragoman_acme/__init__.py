"""The provider ``acme`` for Dragoman."""
