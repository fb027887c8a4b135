-- What is due and what is due next are both found by effect_ready. Beside this index SQLite passed over everything owed
-- to find what may be done.
drop index effect_next;
