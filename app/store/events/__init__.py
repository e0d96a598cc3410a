"""Recording, retraction and listing of events, and their roll-ups.

Terms of this package:

- A *match set* is the distinct list of (metric, state) that events share. Its id is a hash of the
  list; the empty set has the id ''. The table `matching` holds the sets; the columns
  `event.matching` and `attention.matching` hold ids.
- A *roll-up* is one of the tables `measure`, `attention` and `sold`; module `rollups` describes
  them. A *row* is a stored row of a roll-up.
- A *delta* is what a write adds to one row, in memory: a *bucket* for a row of `measure`, a *cell*
  of two sums for a row of `attention` or `sold`.
- *Extremes* are the columns of `measure` that cannot be added up: low, high and last.
- The row of the table `cursor` holds two versions of the organization. `seq` advances with every
  write. `catalogue` is the `seq` of the last change of its configuration. Every writer locks this
  row first, so writes of one organization follow one another.

Loading functions are named `find_` when they return one row by its key or None, `list_` when they
filter or sort, and `load_` when they return all rows of a key or a scope.
"""
