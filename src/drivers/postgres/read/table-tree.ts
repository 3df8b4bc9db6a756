/** Begins a statement that knows, as `tree (oid)`, the table `$1` with its partitions and all that inherit from it. */
export const WITH_TREE = `WITH RECURSIVE tree (oid) AS (SELECT $1::regclass::oid
  UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid)`
