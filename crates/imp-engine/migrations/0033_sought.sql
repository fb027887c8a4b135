alter table incident add column sought text
