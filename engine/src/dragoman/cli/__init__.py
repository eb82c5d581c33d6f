"""The command ``dragoman``. A module here imports click and its neighbours; the engine comes with its first use."""
