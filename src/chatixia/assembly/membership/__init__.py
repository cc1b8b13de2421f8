"""Who is in: join, enrol, invite, revoke, and the folder that moves an agent."""
