#!lua flags=no-writes
-- Gives the outcome of an operation whose thing is gone.
return enter() or {'not_found'}
