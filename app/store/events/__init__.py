"""Recording, retraction and listing of events, and their roll-ups.

Terms of this package:

- A *match set* is the distinct list of (metric, state) that events share. Its id is a hash of the
  list; the empty set has the id ''. The table `matching` holds the sets. The columns
  `event.matching` and `attention.matching` hold ids.
- A *roll-up* is one of the tables `measure`, `attention` and `sold`; module `rollups` describes
  them. A *row* is a stored row of a roll-up.
- A *delta* is the change of one row by a write, in memory. It is a *bucket* for a row of `measure`,
  and a *cell* of two sums for a row of `attention` or `sold`.
- *Extremes* are the columns of `measure` that cannot be added up: low, high and last.
- The row of the table `cursor` holds two versions of the organization. `seq` advances with every
  write. `catalogue` is the `seq` of the last change of its configuration. Every writer locks this
  row first, so writes of one organization follow one another.

A loading function `find_...` returns one row by its key, or None. A function `list_...` filters or
sorts. A function `load_...` returns all rows of a key or a scope.
"""
