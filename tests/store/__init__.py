"""The stores: the registry's and an agent's own."""
