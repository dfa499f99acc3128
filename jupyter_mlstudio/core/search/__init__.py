"""Search: resources by what is in them.

A capability declares what can be searched as a :class:`~.records.Searchable`; expressions and
sorting are the same for all of them.
"""
