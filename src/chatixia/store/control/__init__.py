"""The registry's store on SQLite: schema and queries in ``sql/``, one writer, few readers."""
