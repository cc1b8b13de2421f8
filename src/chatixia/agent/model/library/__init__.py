"""All that is of the model library, pydantic-ai, and of the providers' own clients.

Nothing outside this folder imports them, and nothing here is imported before an agent has a model.
"""
