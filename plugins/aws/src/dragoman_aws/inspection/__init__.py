"""What the account says before a call is made: who calls, what may be called, and which models and endpoints there are.

Nothing here is needed for a call; the providers import it when somebody asks for a check or a list.
"""
