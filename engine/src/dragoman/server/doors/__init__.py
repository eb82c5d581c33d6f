"""The doors: requests in OpenAI's shape to calls of the engine, and answers back."""
