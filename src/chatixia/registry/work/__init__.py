"""Tasks at the registry: verbs, assignment, leases, watchers (tasks.md section 2)."""
