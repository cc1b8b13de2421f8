"""A model that answers for an agent: the loop, its tools, budgets and conversations.

The library of the loop is imported in one place, ``library.py``; everything else speaks the structs
of ``words.py``, so that the library can be changed.
"""
