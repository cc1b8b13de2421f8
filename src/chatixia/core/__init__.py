"""Every decision of the mesh, as state, table and effects. Pure; never awaits, asks no clock."""
