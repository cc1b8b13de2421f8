"""Queued tasks: the asking side, and the worker that takes and reports them."""
