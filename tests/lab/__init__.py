"""Networks in network namespaces, for tests that need a bad or a foreign one."""
