"""Taking calls in: engines' sockets, the local spool, and the life of one stream."""
